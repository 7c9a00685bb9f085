"""The demo played as a whole. That it loads into either engine is tested with its command."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import count
from statistics import mean

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from scheduler.database import begin_write
from scheduler.demo.load import play
from scheduler.demo.mails import one_of_each
from scheduler.demo.stories import SHARES, stories
from scheduler.domain.localtime import local_on
from scheduler.domain.message_reasons import MessageReason
from scheduler.domain.plans import Unit
from scheduler.domain.status import AppointmentStatus, CarePlanStatus, Stage
from scheduler.models.allocation import Allocation
from scheduler.models.appointment import Appointment
from scheduler.models.care_plan import CarePlan
from scheduler.models.clinic import Clinic
from scheduler.models.message import Message, MessageKind, MessageState
from scheduler.models.patient import Patient
from scheduler.models.patient_request import RequestKind
from scheduler.models.reminder import Reminder, ReminderState
from scheduler.models.requirement import Requirement
from scheduler.models.schedule import Closure, ClosureKind
from scheduler.models.visit_answer import CheckIn, DriverAnswer
from scheduler.services.actors import Actor
from scheduler.services.mail import call_list
from scheduler.services.mail.letters import text_name
from scheduler.services.patient import patient_requests
from scheduler.services.planning.courses import is_projected
from tests.demo_scene import PATIENTS, TUESDAY, played
from tests.engines import SECRET_KEY

SUNDAY = datetime(2026, 11, 22, 15, 20, tzinfo=UTC)
ENDED = {AppointmentStatus.FULFILLED, AppointmentStatus.NOSHOW, AppointmentStatus.CANCELLED}


def overlaps(session: Session) -> int:
    one, other = aliased(Allocation), aliased(Allocation)
    query = select(func.count()).where(
        one.resource_id == other.resource_id,
        one.unit == other.unit,
        one.id < other.id,
        one.released_at.is_(None),
        other.released_at.is_(None),
        one.start_at < other.end_at,
        other.start_at < one.end_at,
    )
    return session.scalar(query) or 0


def test_a_tuesday_is_lively(session: Session, tuesday: Clinic) -> None:
    visits = list(session.scalars(select(Appointment)))
    today = [one for one in visits if local_on(one.start_at, tuesday.zone) == TUESDAY.date()]

    assert overlaps(session) == 0
    assert session.scalar(select(func.count(Patient.id))) == PATIENTS
    _no_visit_is_left_behind(visits)
    _every_gap_in_days_is_kept(session)
    _nothing_proposed_takes_up_time(session)
    _nobody_was_written_to(session)
    _open_requirements_make_visits_tentative(session, visits)
    _patients_have_answered(session)
    statuses = Counter(one.status for one in today)
    assert statuses[AppointmentStatus.FULFILLED] >= 2
    assert statuses[AppointmentStatus.BOOKED] + statuses[AppointmentStatus.PENDING] >= 5
    assert {one.stage for one in visits if one.status is AppointmentStatus.CHECKED_IN} <= {*Stage, None}


def _no_visit_is_left_behind(visits: list[Appointment]) -> None:
    over = [one for one in visits if one.end_at < TUESDAY - timedelta(minutes=10)]
    assert len(over) > 50
    assert {one.status for one in over if not is_projected(one)} <= ENDED


def _every_gap_in_days_is_kept(session: Session) -> None:
    for care_plan in session.scalars(select(CarePlan)):
        stand = {one.action: one.local_start.date() for one in care_plan.appointments if one.status.is_live}
        for action in care_plan.plan_definition.plan.firm:
            offset = action.offset
            if offset and offset.unit is Unit.DAYS and {action.key, offset.after} <= stand.keys():
                gap = (stand[action.key] - stand[offset.after]).days
                assert offset.min <= gap <= offset.max, (care_plan.id, action.key)


def _nothing_proposed_takes_up_time(session: Session) -> None:
    """Only a reservation, among what is proposed, occupies; and everything that stands ahead does."""
    held = set(session.scalars(select(Allocation.appointment_id).where(Allocation.released_at.is_(None))))
    for one in session.scalars(select(Appointment).where(Appointment.start_at > TUESDAY)):
        reserved = one.status is AppointmentStatus.PROPOSED and one.expires_at is not None
        assert (one.id in held) == (one.status.is_live or reserved), (one.id, one.status)


def _nobody_was_written_to(session: Session) -> None:
    sent = select(Message.state, Message.reason_code)
    sent = sent.where(Message.due_at <= TUESDAY, Message.patient_id.is_not(None))
    assert {tuple(row) for row in session.execute(sent)} == {(MessageState.SKIPPED, MessageReason.DEMO)}
    due = select(Reminder.state).where(Reminder.due_at <= TUESDAY)
    assert set(session.scalars(due)) <= {ReminderState.SKIPPED, ReminderState.VOID}
    ahead = select(func.count(Reminder.id)).where(
        Reminder.due_at > TUESDAY, Reminder.state == ReminderState.PENDING
    )
    assert (session.scalar(ahead) or 0) > 50


def _open_requirements_make_visits_tentative(session: Session, visits: list[Appointment]) -> None:
    left_open = select(func.count(Requirement.id)).where(
        Requirement.key == "driver", Requirement.completed_at.is_(None)
    )
    assert (session.scalar(left_open) or 0) > 10
    pending = {one.kind for one in visits if one.status is AppointmentStatus.PENDING}
    assert pending != set()
    assert pending <= {"infusion", "session", "dosing"}


def _patients_have_answered(session: Session) -> None:
    """Check-ins follow their visits and look up from the first to the last; drivers settled their requirements."""
    moods = sorted((one.appointment.position, one.mood) for one in session.scalars(select(CheckIn)))
    assert len({position for position, _ in moods}) >= 4
    half = len(moods) // 2
    assert mean(mood for _, mood in moods[-half:]) > mean(mood for _, mood in moods[:half])
    assert all(one.answered_at > one.appointment.end_at for one in session.scalars(select(CheckIn)))
    drivers = session.scalars(select(DriverAnswer)).all()
    assert len(drivers) > 10
    assert all(one.has_driver and one.phone for one in drivers)


def _seed_of_all(patients: int) -> int:
    """Return the first seed whose patients show every turn and every plan; a whole round would take a minute."""
    turns, plans = {one.turn for one in SHARES}, {one.plan for one in SHARES}
    return next(
        seed
        for seed in count(1)
        if turns == {one.turn for one in stories(patients, seed)}
        and plans == {one.plan for one in stories(patients, seed)}
    )


def test_a_sunday_shows_every_kind_of_course(session: Session) -> None:
    loaded = played(session, SUNDAY, 28, _seed_of_all(28))

    states = Counter(session.scalars(select(CarePlan.status)))
    assert set(states) == {
        CarePlanStatus.ACTIVE,
        CarePlanStatus.DRAFT,
        CarePlanStatus.ON_HOLD,
        CarePlanStatus.REVOKED,
        CarePlanStatus.COMPLETED,
    }
    assert (loaded.counts["patients"], loaded.counts["courses"]) == (28, 27)
    assert all(
        loaded.counts[what] > 0
        for what in ("no-shows", "rescheduled", "boosters booked", "cancelled", "moved")
    )
    waiting = patient_requests.waiting(session, Actor(loaded.clinic, None, None, "command"))
    assert [one.kind for one in waiting].count(RequestKind.MOVE) == 2
    assert [one.kind for one in waiting].count(RequestKind.CALL) == 1
    assert {call.patient.email for call in call_list.calls(session, loaded.clinic, SUNDAY)} <= {None}
    unaddressed = select(Message.state).join(Patient, Patient.id == Message.patient_id)
    assert {*session.scalars(unaddressed.where(Patient.email.is_(None)))} == {MessageState.SKIPPED}
    statuses = Counter(session.scalars(select(Appointment.status)))
    assert statuses[AppointmentStatus.NOSHOW] == loaded.counts["no-shows"]
    assert statuses[AppointmentStatus.PENDING] > 20
    projected = select(func.count(Appointment.id)).where(
        Appointment.status == AppointmentStatus.PROPOSED, Appointment.book_by_on.is_not(None)
    )
    assert (session.scalar(projected) or 0) > 20
    monday = [
        one
        for one in session.scalars(
            select(Appointment).where(Appointment.status != AppointmentStatus.PROPOSED)
        )
        if local_on(one.start_at, loaded.clinic.zone) == SUNDAY.date() + timedelta(days=1)
    ]
    assert len(monday) >= 12
    assert len({one.location.name for one in monday if one.location}) >= 5
    assert overlaps(session) == 0


def test_the_same_seed_makes_the_same_clinic(session: Session) -> None:
    loaded = played(session, TUESDAY, 4)
    query = select(Appointment.action, Appointment.start_at, Appointment.status, Patient.family_name)
    query = query.join(Patient, Patient.id == Appointment.patient_id).order_by(Appointment.id)
    first = session.execute(query).all()
    session.rollback()
    begin_write(session)
    loaded.clinic.key = "before"
    for account in loaded.accounts:
        account.user.email = f"before-{account.email}"
    session.flush()
    again = play(session, TUESDAY, 1, 4, lambda _: None)
    second = session.execute(query.where(Appointment.clinic_id == again.clinic.id)).all()

    assert [tuple(row) for row in second] == [tuple(row) for row in first]


def test_holidays_and_leave_are_closed(session: Session, tuesday: Clinic) -> None:
    kinds = Counter(session.scalars(select(Closure.kind)))

    assert kinds[ClosureKind.HOLIDAY] >= 4
    assert (kinds[ClosureKind.LEAVE], kinds[ClosureKind.CLOSURE]) == (2, 1)
    thanksgiving = session.scalar(select(Closure).where(Closure.reason == "Thanksgiving Day"))
    assert thanksgiving is not None
    assert thanksgiving.local_start == datetime(2026, 11, 26)  # noqa: DTZ001  (wall-clock time)
    assert tuesday.zone.key == "America/New_York"


def test_a_mail_of_each_kind_waits_for_the_clock(session: Session, tuesday: Clinic) -> None:
    begin_write(session)
    notices = [Message.kind == MessageKind.NOTICE, Message.state == MessageState.PENDING]
    before = session.scalar(select(func.count(Message.id)).where(*notices))
    one_of_each(session, tuesday, TUESDAY, "https://clinic.example", [SECRET_KEY])
    waiting = select(Message.kind).where(Message.state == MessageState.PENDING, Message.due_at <= TUESDAY)

    missing = set(MessageKind) - set(session.scalars(waiting))
    assert missing <= {MessageKind.NOTICE, MessageKind.CHECK_IN}  # in so small a demo all have answered
    about = select(Message).where(Message.state == MessageState.PENDING, Message.patient_id.is_not(None))
    names = {text_name(session, one) for one in session.scalars(about)}
    assert names >= {"reminder", "reinstated", "request-declined", "request-suggested"}
    assert session.scalar(select(func.count(Message.id)).where(*notices)) - before == 6
