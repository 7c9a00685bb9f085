"""Sheets to print: times in the clinic's formats, the preparation in the patient's language."""

import re
from datetime import timedelta

from scheduler.domain.formats import USUAL
from scheduler.models.visit_answer import DriverAnswer
from tests.cast import NOW
from tests.services.courses import visit


def lines(page):
    """Return what a sheet says, each line of a preparation on its own."""
    return [" ".join(line.split()) for line in re.findall(r"<li>(.*?)</li>", page, re.S)]


def test_a_preparation_has_its_day_where_that_is_not_the_visits(session, course, harbor, signed_in):
    start = visit(course, "infusion-1").start_at.astimezone(harbor.clinic.zone)
    evening = start - timedelta(hours=12)
    shown = signed_in(harbor, "alice").get(f"/care-plans/{course.public_id}/sheet").text

    assert f"{USUAL.long(start)}, <time>{USUAL.time(start)}</time>" in shown
    said = lines(shown)
    assert f"No solid food from {USUAL.time(start - timedelta(hours=6))}." in said
    assert f"No alcohol from {USUAL.time(evening)} on {USUAL.long(evening)}." in said


def test_a_patient_who_reads_spanish_gets_spanish_times(session, course, harbor, signed_in):
    start = visit(course, "infusion-1").start_at.astimezone(harbor.clinic.zone)
    course.patient.language = "es"
    session.commit()
    said = lines(signed_in(harbor, "alice").get(f"/care-plans/{course.public_id}/sheet").text)

    spanish = USUAL.in_language("es")
    evening = start - timedelta(hours=12)
    assert f"No coma alimentos sólidos desde las {spanish.time(start - timedelta(hours=6))}" in said
    assert f"No tome alcohol desde las {spanish.time(evening)} del {spanish.long(evening)}." in said
    assert not [line for line in said if "m.." in line]


def test_one_visit_is_printed_for_its_patient(session, course, harbor, signed_in):
    infusion = visit(course, "infusion-1")
    shown = signed_in(harbor, "alice").get(f"/appointments/{infusion.public_id}/sheet").text

    assert "Your appointment<" in shown
    assert shown.count('class="sheet-visit"') == 1
    assert f"No solid food from {USUAL.time(infusion.local_start - timedelta(hours=6))}." in lines(shown)


def test_the_day_on_paper_has_phone_nurse_and_driver(session, course, harbor, signed_in):
    infusion = visit(course, "infusion-1")
    course.patient.phone = "+12125550142"
    session.add(
        DriverAnswer(
            clinic_id=harbor.clinic.id,
            appointment_id=visit(course, "infusion-2").id,
            schedule_version=visit(course, "infusion-2").schedule_version,
            has_driver=True,
            name="Robin",
            phone="+12125550143",
            answered_at=NOW,
        )
    )
    session.commit()
    client = signed_in(harbor, "alice")

    def row(one, names):
        page = client.get(f"/board/{one.local_start.date()}/print?names={names}").text
        time = USUAL.times(one.local_start, one.end_at.astimezone(one.zone))
        cells = re.search(rf"<td[^>]*><time>{time}</time></td>(.*?)</tr>", page, re.S)[1]
        return [
            " ".join(re.sub("<[^>]+>", "", cell).split()) for cell in re.findall("<td.*?</td>", cells, re.S)
        ]

    who, phone, what, nurse, _, driver = row(infusion, "names")
    assert (who, what) == ("Nora Lindqvist", "Infusion 1 of 6 incomplete")
    assert phone == course.patient.phone
    assert nurse == "; ".join(one.name for one in infusion.practitioners if "nurse" in one.roles)
    assert driver == "none yet"
    assert row(visit(course, "infusion-2"), "names")[-1] == "Robin, +12125550143"
    assert row(visit(course, "infusion-2"), "initials")[0] == "N. L."
    assert row(visit(course, "infusion-2"), "initials")[-1] == "named"
