"""The send log: what the desk does about a mail, and whom it calls."""

import csv
import io

import pytest
from sqlalchemy import select

from scheduler.domain.message_reasons import HoldReason
from scheduler.models.message import Message, MessageState
from scheduler.services.mail import channels
from tests.cast import NOW


@pytest.fixture
def mail(session, course):
    """Return a function that gives the course's confirmation a state."""

    def become(state, reason=""):
        session.rollback()
        message = session.scalars(select(Message)).one()
        message.state, message.reason = state, reason
        session.commit()
        return message.public_id

    return become


def states(session):
    session.rollback()
    return [(one.state, one.reason) for one in session.scalars(select(Message).order_by(Message.id))]


def test_an_uncertain_mail_is_released_or_counted_as_arrived(session, harbor, signed_in, mail):
    alice, held = signed_in(harbor, "alice"), mail(MessageState.UNCERTAIN, "unclear")
    page = alice.get("/reminders?state=uncertain")
    alice.post(f"/reminders/{held}/release")
    released = states(session)
    mail(MessageState.UNCERTAIN)
    alice.post(f"/reminders/{held}/discard")

    assert ("Send again" in page.text, "Mark as delivered" in page.text) == (True, True)
    assert released == [(MessageState.PENDING, "sent again by the front desk")]
    assert states(session)[0][0] is MessageState.UNCERTAIN
    assert "Send again" not in alice.get("/reminders").text


def test_a_failed_mail_goes_out_again_as_a_new_one(session, harbor, signed_in, mail):
    alice, failed = signed_in(harbor, "alice"), mail(MessageState.FAILED, "failed: address")
    answer = alice.post(f"/reminders/{failed}/resend", data={"state": "failed"})

    assert answer.location == "/reminders?state=failed"
    assert [state for state, _ in states(session)] == [MessageState.FAILED, MessageState.PENDING]


def test_what_cannot_be_done_says_so_and_changes_nothing(session, harbor, signed_in, mail):
    alice, waiting = signed_in(harbor, "alice"), mail(MessageState.PENDING)
    answer = alice.post(f"/reminders/{waiting}/resend", follow_redirects=True)

    assert "Nothing was changed: this message is still being sent." in answer.text
    assert [state for state, _ in states(session)] == [MessageState.PENDING]


def test_the_call_list_empties_as_patients_are_called(session, harbor, signed_in, mail):
    alice = signed_in(harbor, "alice")
    mail(MessageState.FAILED, "failed: address (550 no such user)")
    before = alice.get("/reminders?view=calls").text
    alice.post(f"/reminders/calls/{harbor.patients['Nora'].public_id}/settlement")
    after = alice.get("/reminders?view=calls").text

    assert ("Nora Lindqvist" in before, "failed: address (550 no such user)" in before) == (True, True)
    assert "No one needs a call" in after


def test_the_log_comes_as_csv(session, harbor, signed_in, mail):
    mail(MessageState.SENT)
    answer = signed_in(harbor, "alice").post("/reminders/export", buffered=True)
    rows = list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))

    assert [(row["kind"], row["family_name"], row["state"]) for row in rows] == [
        ("confirmation", "Lindqvist", "sent")
    ]


def test_only_an_admin_lets_sending_go_on(session, harbor, signed_in):
    alice = signed_in(harbor, "alice")
    session.rollback()
    ada = signed_in(harbor, "ada")
    session.rollback()
    channels.hold(session, HoldReason.CLOCK_JUMPED, NOW, "+2.0")
    session.commit()
    refused = alice.post("/reminders/agreement")
    page = ada.get("/reminders").text
    ada.post("/reminders/agreement")

    assert refused.status_code == 403
    assert "Resume sending" in page
    assert channels.troubles(session, NOW) == []


def test_the_navigation_counts_what_waits_for_the_role(session, harbor, signed_in, mail):
    alice, nick = signed_in(harbor, "alice"), signed_in(harbor, "nick")
    none = alice.get("/today/count").text
    mail(MessageState.UNCERTAIN, "unclear")
    some, page = alice.get("/today/count").text, alice.get("/today").text

    assert none.strip() == ""
    assert ">2<" in some  # a patient to call, and an email whose delivery is unknown
    assert ("1 email may not have arrived" in page, "Patients to call" in page) == (True, True)
    assert nick.get("/today/count").text.strip() == ""
    assert 'hx-get="/today/count"' in nick.get("/board/2026-11-30").text


def test_the_log_is_searched_by_any_word_of_a_name_or_an_address(session, harbor, signed_in, mail):
    alice, _ = signed_in(harbor, "alice"), mail(MessageState.SENT)
    found = {
        text: "Nora Lindqvist" in alice.post("/reminders/found", data={"search": text}).text
        for text in ("LINDQ nora", "nora@example", "otto", "nora otto")
    }

    assert found == {"LINDQ nora": True, "nora@example": True, "otto": False, "nora otto": False}
