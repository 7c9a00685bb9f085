"""Appointments proposed by email: what the mail reveals, the patient's answer, and what the desk makes of it."""

from re import findall

import pytest
from sqlalchemy import select

from scheduler.models.appointment import Appointment
from scheduler.models.care_plan import CarePlan
from scheduler.models.message import Message, MessageKind, MessageState
from scheduler.models.task import Task
from scheduler.services import private_links
from scheduler.services.task import emailed_proposals
from tests.cast import NOW
from tests.engines import SECRET_KEY
from tests.services.mail.sending import flat, send_due

HX = {"HX-Request": "true"}
NEVER_SAID = ("infusion", "ketamine", "therap", "chair", "iv-", "consult", "nurse")


@pytest.fixture
def desk(harbor, signed_in):
    return signed_in(harbor, "alice")


@pytest.fixture
def wishes(harbor):
    patient = harbor.patients["Nora"].public_id
    return {"patient": patient, "plan_definition": "iv-depression-6", "not_before": "2026-11-30"}


@pytest.fixture
def offered(desk, wishes):
    """The form of the first proposal."""
    found = desk.post("/care-plans/proposals", data=wishes, headers=HX).text
    return wishes | {"token": findall(r'name="token" value="([^"]+)"', found)[0]}


@pytest.fixture
def emailed(session, desk, offered):
    assert desk.post("/care-plans/proposals/email", data=offered).status_code == 303
    session.rollback()
    return proposal_of(session)


def proposal_of(session):
    return session.scalars(select(Message).where(Message.kind == MessageKind.PROPOSAL)).one()


@pytest.fixture
def page(session, harbor, client):
    """Nora's private page, opened from the mail, and her answer on it."""

    def page(message, answer=""):
        token = private_links.page_token(
            (SECRET_KEY,), message, private_links.VISITS, epoch=harbor.patients["Nora"].link_epoch
        )
        text = client.get(f"/visits/{token}").text
        if answer:
            [mark] = findall(r'name="mark" value="([^"]+)"', text)
            form = {"mark": mark, "answer": answer}
            text = client.post(f"/visits/{token}/proposal", data=form, follow_redirects=True).text
            session.rollback()
        return text

    return page


def test_the_mail_lists_the_dates_and_reveals_no_treatment(session, harbor, emailed):
    [mail] = send_due(session, NOW)
    text = flat(mail)

    assert (mail["To"], mail["Subject"][:26]) == ("nora@example.org", "15 proposed appointments f")
    assert text.count(" AM to ") + text.count(" PM to ") == 15
    assert "It is not booked yet" in text
    assert "may be given to other patients" in text
    assert [word for word in NEVER_SAID if word in text.lower()] == []
    assert session.scalars(select(Appointment)).all() == []


def test_without_consent_the_mail_says_only_that_there_is_a_message(session, harbor, emailed):
    harbor.patients["Nora"].email_ok = False
    session.commit()
    [mail] = send_due(session, NOW)

    assert (mail["Subject"], "December" in flat(mail)) == ("You have a message", False)


def test_an_accepted_proposal_is_opened_as_it_was_mailed_and_booked(session, desk, wishes, emailed, page):
    mailed = [one.start for one in emailed_proposals.visits_of(emailed)]
    assert "Nothing is booked yet" in page(emailed, "yes")
    assert "These times work for me" not in page(emailed)
    todo = desk.get("/today").text
    assert "the proposed times work" in todo

    [where] = findall(r'href="(/care-plans/new[^"]+)"', todo)
    form = desk.get(where.replace("&amp;", "&")).text
    pinned = findall(r'name="pinned" value="([^"]+)"', form)
    fields = wishes | {"pinned": pinned}
    again = desk.post("/care-plans/proposals", data=fields, headers=HX).text
    token = findall(r'name="token" value="([^"]+)"', again)[0]
    desk.post("/care-plans", data=fields | {"token": token})

    session.rollback()
    rows = session.scalars(select(Appointment).where(Appointment.visible).order_by(Appointment.start_at))
    assert [one.start_at for one in rows if one.status.is_live] == mailed
    assert "the proposed times work" not in desk.get("/today").text


def test_a_call_is_asked_for_and_closed_by_the_desk_alone(session, harbor, desk, emailed, page, signed_in):
    page(emailed, "call")
    task = session.scalars(select(Task)).one().public_id
    session.rollback()
    assert "asks for a call about the proposed times" in desk.get("/today").text
    closing = f"/care-plans/proposals/answers/{task}"
    assert signed_in(harbor, "nick").post(closing).status_code == 403
    assert desk.post(closing).status_code == 303

    assert "asks for a call" not in desk.get("/today").text


def test_held_times_are_emailed_with_the_end_of_the_hold_until_they_are_booked(
    session, harbor, desk, offered, page
):
    desk.post("/care-plans", data=offered | {"reserve": "yes"})
    session.rollback()
    course = session.scalars(select(CarePlan)).one().public_id
    session.rollback()
    assert desk.post(f"/care-plans/{course}/email").status_code == 303
    session.rollback()
    message = proposal_of(session)
    [mail] = send_due(session, NOW)
    assert "We are holding these times for you until " in flat(mail)
    session.commit()
    assert "These times work for me" in page(message)

    session.rollback()
    desk.post(f"/care-plans/{course}/activation")
    session.rollback()
    assert "These times work for me" not in page(message)


def test_a_second_proposal_takes_the_place_of_one_that_waits(session, desk, offered, emailed):
    desk.post("/care-plans/proposals/email", data=offered)
    session.rollback()
    states = [one.state for one in session.scalars(select(Message).order_by(Message.id))]

    assert states == [MessageState.VOID, MessageState.PENDING]
