"""An answer that a person must see opens a task and is mailed, to the right people and with nothing that it says."""

from datetime import timedelta
from email import message_from_bytes
from email.policy import default

import pytest
from sqlalchemy import select

from scheduler.models.message import Message, MessageKind
from scheduler.models.task import Task
from scheduler.models.user import StaffRole, User
from scheduler.services.account.permissions import FIELDS, PERMISSIONS
from scheduler.services.actors import Actor
from scheduler.services.clinic.staff import ANSWERING
from scheduler.services.mail.letters import Letterhead, compose
from scheduler.services.task import answers, tasks
from tests.answering import WORST, needing
from tests.cast import NOW, hire
from tests.engines import SECRET_KEY, both
from tests.services.courses import visit

HEAD = Letterhead("https://seriate.example", (SECRET_KEY,), "Seriate <clinic@seriate.example>")
GOOD = {"little_interest": "0", "feeling_down": "1", "mood": "8"}
HOUR = timedelta(hours=1)


@pytest.fixture
def patient(harbor):
    return Actor(harbor.clinic, None, None, "patient")


@pytest.fixture
def infusion(nora_course):
    return visit(nora_course, "infusion-1")


def mailed(session):
    """Return to whom mails about tasks were written, in order."""
    query = select(User.name).join(Message, Message.user_id == User.id)
    query = query.where(Message.kind == MessageKind.NOTICE, Message.due_at <= NOW + timedelta(days=1))
    return session.scalars(query.order_by(Message.id)).all()


def test_the_roles_that_are_mailed_are_those_that_see_answers():
    assert frozenset(ANSWERING) == FIELDS["answers"] == PERMISSIONS["answers"]


@both
def test_a_worrying_answer_opens_a_task_and_mails_the_contact(session, patient, infusion):
    task = needing(session, patient, infusion)
    mail = session.scalars(select(Message).where(Message.kind == MessageKind.NOTICE)).one()

    assert (task.patient_id, task.appointment_id) == (infusion.patient_id, infusion.id)
    assert (task.due_at, task.taken_by_id, task.done_at) == (NOW + HOUR, None, None)
    assert [(one["phq2"], one["mood"], one["note"]) for one in task.answers] == [(6, 0, "I feel terrible")]
    assert mailed(session) == ["Mona"]
    assert (mail.due_at, mail.urgent_at, mail.expires_at) == (NOW, NOW, None)


def test_a_good_answer_reaches_no_one(session, patient, infusion):
    assert needing(session, patient, infusion, **GOOD) is None
    assert (session.query(Task).count(), mailed(session)) == (0, [])


def test_the_prescriber_of_the_course_is_mailed_where_there_is_an_account(session, harbor, patient, infusion):
    paul = hire(session, harbor, "paul", StaffRole.PRESCRIBER)
    harbor.people["Pia"].user_id = paul.id
    needing(session, patient, infusion)

    assert mailed(session) == ["Paul"]


@pytest.mark.parametrize("gone", ["inactive", "read-only", "left"])
def test_a_prescriber_who_cannot_read_it_is_passed_over(session, harbor, patient, infusion, gone):
    paul = hire(session, harbor, "paul", StaffRole.PRESCRIBER)
    harbor.people["Pia"].user_id = paul.id
    if gone == "inactive":
        paul.active = False
    elif gone == "read-only":
        paul.memberships[0].role = StaffRole.READ_ONLY
    else:
        paul.memberships.clear()
    session.flush()
    needing(session, patient, infusion)

    assert mailed(session) == ["Mona"]


def test_without_a_contact_everyone_who_leads_is_mailed(session, harbor, patient, infusion):
    harbor.clinic.settings_document = {}
    needing(session, patient, infusion)

    assert mailed(session) == ["Ada", "Mona"]


def test_the_mail_says_nothing_of_what_was_answered(session, patient, infusion):
    task = needing(session, patient, infusion)
    mail = session.scalars(select(Message).where(Message.kind == MessageKind.NOTICE)).one()
    read = message_from_bytes(compose(session, mail, HEAD, NOW).content, policy=default)
    whole = read.as_string() + "".join(part.get_content() for part in read.walk() if not part.is_multipart())

    words = ("Nora", "Lindqvist", "PHQ", "mood", "terrible", "6 of 6", "nfusion", "depress", "urgent")
    assert [word for word in words if word in whole] == []
    assert "N.L., visit of" in whole
    assert f"https://seriate.example/tasks/{task.public_id}" in whole


def test_the_same_form_sent_twice_is_one_task_and_one_mail(session, patient, infusion):
    first = needing(session, patient, infusion)
    again = needing(session, patient, infusion, now=NOW + timedelta(minutes=1))

    assert (again, len(again.answers), mailed(session)) == (first, 1, ["Mona"])


def test_a_better_answer_takes_nothing_back(session, patient, infusion):
    task = needing(session, patient, infusion)
    assert needing(session, patient, infusion, **GOOD) is task
    assert [one["mood"] for one in task.answers] == [0]


def test_a_worse_answer_is_mailed_to_who_has_the_task(session, harbor, patient, infusion):
    task = needing(session, patient, infusion)
    tasks.take(session, harbor.actor("nick"), task, NOW)
    needing(session, patient, infusion, **WORST, urgent="yes")

    assert mailed(session) == ["Mona", "Nick"]
    assert [one["urgent"] for one in task.answers] == [False, True]


def test_after_a_task_is_done_a_new_answer_opens_another(session, harbor, patient, infusion):
    first = needing(session, patient, infusion)
    tasks.complete(session, harbor.actor("nick"), first, "Called, safe", NOW)
    second = needing(session, patient, infusion, mood="1")

    assert second is not None and second is not first


def test_what_the_patient_marks_urgent_needs_a_person(session, patient, infusion):
    task = needing(session, patient, infusion, **GOOD, note="Please call me", urgent="yes")

    assert [(one["urgent"], one["note"]) for one in task.answers] == [(True, "Please call me")]


@both
def test_nobody_takes_it_and_everyone_who_leads_is_mailed_again_and_again(session, harbor, patient, infusion):
    task = needing(session, patient, infusion)
    clinic = harbor.clinic

    assert answers.due_clinics(session, NOW + HOUR / 2) == []
    assert answers.due_clinics(session, NOW + HOUR) == [clinic.id]
    assert answers.escalate_due(session, clinic, NOW + HOUR) == 1
    assert mailed(session) == ["Mona", "Ada", "Mona"]
    assert answers.escalate_due(session, clinic, NOW + HOUR) == 0
    assert answers.escalate_due(session, clinic, NOW + 2 * HOUR) == 1
    assert task.escalations == 2


def test_a_task_that_is_taken_escalates_no_more_until_it_is_given_back(session, harbor, patient, infusion):
    task, nick = needing(session, patient, infusion), harbor.actor("nick")
    tasks.take(session, nick, task, NOW)
    assert answers.escalate_due(session, harbor.clinic, NOW + 3 * HOUR) == 0
    tasks.give_back(session, nick, task, NOW + 3 * HOUR)

    assert answers.escalate_due(session, harbor.clinic, NOW + 3 * HOUR) == 0
    assert answers.escalate_due(session, harbor.clinic, NOW + 4 * HOUR) == 1
