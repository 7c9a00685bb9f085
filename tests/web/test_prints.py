"""Sheets to print: times in the clinic's formats, the preparation in the patient's language."""

import re
from datetime import timedelta

from scheduler.domain.formats import USUAL
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
