"""`flask status` finds each kind of broken protocol that SQL put into the database, and nothing that was overridden."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import update

from scheduler.domain.status import AppointmentStatus, CarePlanStatus, CourseEffect
from scheduler.models.appointment import Appointment
from scheduler.models.care_plan import CarePlan
from scheduler.models.requirement import Requirement
from scheduler.services.course import booking
from scheduler.services.visit import requirements, unrecorded, visits
from tests.cast import NOW, add_patient
from tests.clocks import StandingClock
from tests.services.courses import book, visit

REASON = "the prescriber wants it this way"
DAY = timedelta(days=1)


@pytest.fixture
def begun(session, harbor, nora_course):
    """The first infusion, checked in as it should be; the steps before it took place."""
    infusion, pia = visit(nora_course, "infusion-1"), harbor.prescriber
    for key in ("consult", "assessment", "consent"):
        visits.check_in(session, pia, visit(nora_course, key), visit(nora_course, key).start_at)
    now = infusion.start_at - timedelta(minutes=10)
    for rule in requirements.rules_for(infusion):
        own = infusion if rule.holds.value == "per_session" else None
        about = {"document": "A 17", "note": REASON}
        requirements.complete(session, pia, nora_course, rule.key, now - DAY, own, **about)
    visits.check_in(session, harbor.actor("alice"), infusion, now)
    session.commit()
    return infusion


def sql(session, model, which, **values):
    session.execute(update(model).where(which).values(**values).execution_options(synchronize_session=False))
    session.commit()
    session.expire_all()


def without_requirement(session, _harbor, course):
    sql(session, Requirement, Requirement.care_plan_id == course.id, completed_at=None)


def never_checked_in(session, _harbor, course):
    row = visit(course, "infusion-2")
    sql(session, Appointment, Appointment.id == row.id, status=AppointmentStatus.FULFILLED)


def past_a_step(session, _harbor, course):
    step = visit(course, "consent")
    sql(
        session,
        Appointment,
        Appointment.id == step.id,
        status=AppointmentStatus.NOSHOW,
        course_effect=CourseEffect.MAKE_UP,
    )


def without_course(session, _harbor, course):
    sql(session, Appointment, Appointment.id == visit(course, "infusion-5").id, care_plan_id=None)


def twice(session, _harbor, course):
    sql(session, Appointment, Appointment.id == visit(course, "infusion-6").id, action="infusion-5")


def in_an_ended_course(session, _harbor, course):
    sql(session, CarePlan, CarePlan.id == course.id, status=CarePlanStatus.REVOKED)


def second_course(session, harbor, course):
    other = add_patient(session, harbor, "Norah", "Lindqvist")
    second = book(session, harbor, "esketamine-nasal", "Norah")
    sql(session, Appointment, Appointment.patient_id == other.id, patient_id=course.patient_id)
    sql(session, CarePlan, CarePlan.id == second.id, patient_id=course.patient_id)


PLANTED = (
    (without_requirement, unrecorded.REQUIREMENT),
    (never_checked_in, unrecorded.REQUIREMENT),
    (past_a_step, unrecorded.STEP),
    (without_course, unrecorded.NO_COURSE),
    (twice, unrecorded.EXTRA),
    (in_an_ended_course, unrecorded.ENDED),
    (second_course, unrecorded.SECOND),
)


@pytest.mark.parametrize(("plant", "kind"), PLANTED, ids=lambda one: getattr(one, "__name__", None))
def test_what_sql_put_there_is_found(session, harbor, nora_course, begun, plant, kind):
    now = begun.start_at + timedelta(minutes=10)
    assert unrecorded.find(session, harbor.clinic, now) == []
    plant(session, harbor, nora_course)

    assert {one.kind for one in unrecorded.find(session, harbor.clinic, now)} == {kind}


def test_the_command_names_it(app, session, harbor, nora_course, begun):
    app.extensions["clock"] = StandingClock(begun.start_at)
    past_a_step(session, harbor, nora_course)

    result = app.test_cli_runner().invoke(args=["status", "--json"])
    assert result.exit_code == 1
    words = "1 visits of harbor began although an earlier step is missing, without an override"
    assert words in json.loads(result.stdout)["troubles"]
    assert json.loads(result.stdout)["unrecorded"] == {
        "harbor": [{"kind": "missing-step", "id": begun.public_id}]
    }


def test_what_was_overridden_or_changed_afterwards_is_not_reported(session, harbor, nora_course, begun):
    pia, now = harbor.prescriber, begun.start_at + timedelta(minutes=10)
    key = requirements.rules_for(begun)[0].key
    requirements.reopen(session, pia, nora_course, key, now)
    second = visit(nora_course, "infusion-2")
    visits.check_in(session, pia, second, second.start_at, override_reason=REASON)
    step = nora_course.plan_definition.plan.action("infusion-6")
    booking.book_visit(
        session, pia, nora_course.patient, step, visit(nora_course, "infusion-6").start_at + 14 * DAY, NOW,
        care_plan=nora_course, override_reason=REASON,
    )  # fmt: skip
    book(
        session,
        harbor,
        "esketamine-nasal",
        who="ada",
        not_before=NOW.date() + 60 * DAY,
        override_reason=REASON,
    )

    assert unrecorded.find(session, harbor.clinic, second.start_at) == []
