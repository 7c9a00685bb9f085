"""What the menu of a visit does: another one like it, its sheet, its details by email."""

import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

from sqlalchemy import select

from scheduler.models.appointment import by_public_id
from scheduler.models.message import Message, MessageKind
from scheduler.models.plan_definition import current
from scheduler.services.course import booking
from scheduler.services.mail import visit_mail
from tests.cast import NOW
from tests.services.courses import visit


def a_session(session, cast):
    definition = current(session, cast.clinic.id, "iv-depression-6")
    step = next(one for one in definition.plan.actions if one.key == "therapy-1")
    where = cast.patients["Nora"], step, NOW + timedelta(days=1), NOW, cast.places["Room A"]
    found = booking.book_visit(session, cast.actor("alice"), *where)
    session.commit()
    return found


def test_a_duplicate_begins_with_the_same_patient_visit_place_and_person_a_week_later(
    session, harbor, signed_in
):
    one = a_session(session, harbor)
    client = signed_in(harbor, "alice")
    answer = client.get(f"/appointments/{one.public_id}/copy")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(answer.location).query).items()}
    later = one.local_start + timedelta(days=7)
    form = client.get(answer.location).text

    assert answer.status_code == 303
    assert asked == {
        "patient": one.patient.public_id,
        "kind": asked["kind"],
        "location": one.location.public_id,
        "practitioner": one.practitioners[0].public_id,
        "date": later.date().isoformat(),
        "time": later.strftime("%H:%M"),
    }
    assert f'value="{asked["kind"]}" selected' in " ".join(form.split())
    assert re.search(rf'value="{later:%Y-%m-%dT%H:%M}"[^>]* checked', form)


def test_a_visit_that_only_a_course_may_hold_leads_to_its_course(harbor, course, signed_in):
    client = signed_in(harbor, "alice")
    infusion, therapy = visit(course, "infusion-1"), visit(course, "therapy-1")

    def offered(one):
        return f"/appointments/{one.public_id}/copy" in client.get(f"/appointments/{one.public_id}").text

    assert offered(therapy)
    assert not offered(infusion)
    assert "This visit is part of a course" in client.get(f"/appointments/{infusion.public_id}").text


def test_a_visit_is_mailed_to_the_patient_and_to_the_proxy(session, harbor, course, signed_in):
    infusion = visit(course, "infusion-1")
    course.patient.email, course.patient.proxy_email = "nora@example.org", "sam@example.org"
    session.commit()
    before = set(session.scalars(select(Message.id)))
    answer = signed_in(harbor, "alice").post(f"/appointments/{infusion.public_id}/email")
    session.rollback()
    sent = session.scalars(select(Message).where(Message.id.not_in(before))).all()

    assert answer.status_code == 303
    assert {(one.kind, one.recipient) for one in sent} == {
        (MessageKind.CONFIRMATION, "patient"),
        (MessageKind.CONFIRMATION, "proxy"),
    }
    assert all([subject.appointment_id for subject in one.subjects] == [infusion.id] for one in sent)
    assert {one.expires_at for one in sent} == {infusion.end_at}


def test_nothing_is_mailed_about_a_call_that_patients_are_not_told_of_or_without_an_address(
    session, harbor, course, signed_in
):
    call, infusion = visit(course, "call-1"), visit(course, "infusion-1")
    client = signed_in(harbor, "alice")
    course.patient.email = "nora@example.org"
    session.commit()
    assert client.post(f"/appointments/{call.public_id}/email").status_code == 409
    assert visit_mail.may_be_mailed(harbor.clinic, infusion, NOW)
    session.rollback()
    infusion = by_public_id(session, harbor.clinic.id, infusion.public_id)
    infusion.patient.email = None
    session.commit()

    assert client.post(f"/appointments/{infusion.public_id}/email").status_code == 409
    assert 'id="email-visit"' not in client.get(f"/appointments/{infusion.public_id}").text
