"""What needs a person now, beside the tasks themselves: lists that are read from the calendar and never stored.

Each role gets the lists that it can act on. A clinician whose account is linked to a practitioner gets the visits that
this practitioner takes part in, unless all are asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import Session, joinedload, selectinload

from scheduler.domain.localtime import day_bounds, local_on
from scheduler.domain.plans import Holds
from scheduler.domain.status import EXPECTED, LATE_AFTER
from scheduler.models import incoming_mail, patient_request, task, versions
from scheduler.models import practitioner as practitioners
from scheduler.models.appointment import Appointment, Participant
from scheduler.models.care_plan import CarePlan
from scheduler.models.open_requirements import OpenRequirement, open_requirements
from scheduler.models.opening import Opening
from scheduler.models.patient_request import PatientRequest
from scheduler.models.plan_definition import PlanDefinition
from scheduler.models.practitioner import Practitioner
from scheduler.models.user import StaffRole
from scheduler.services.account.permissions import allowed
from scheduler.services.actors import Actor
from scheduler.services.clinic import displaced
from scheduler.services.clinic.displaced import Displaced
from scheduler.services.clinic.working_days import next_working_day
from scheduler.services.course import booster_tasks, bring_back, make_ups
from scheduler.services.day import duties
from scheduler.services.day.duties import Duty
from scheduler.services.mail import call_list, send_log
from scheduler.services.mail.call_list import CallListEntry
from scheduler.services.patient import address_changes
from scheduler.services.waitlist import offering

Reader = tuple[str, StaffRole | None, int | None]  # clinic, role, and the person where it counts
AUTHORIZED = timedelta(days=14)  # how long before a visit its authorization is asked for


@dataclass(frozen=True)
class OpenVisit:
    """A visit and what is open for it."""

    visit: Appointment
    requirements: Sequence[OpenRequirement]


@dataclass(frozen=True)
class Worklist:
    """What needs a person; a list that the role cannot act on is empty.

    `own` is the practitioner whose visits alone are in it. `late` were expected and have not arrived. `requirements`
    are open for visits until the end of the next working day. `unclear` counts emails that may not have arrived,
    `unread` those that came in and that a person must read, `addresses` new ones that patients entered.
    `idle` are courses with steps left and nothing booked. `offers` are open times that are offered by phone, or whose
    offers have ended without a yes.
    """

    own: Practitioner | None = None
    late: Sequence[Appointment] = ()
    duties: Sequence[Duty] = ()
    requirements: Sequence[OpenVisit] = ()
    displaced: Sequence[Displaced] = ()
    requests: Sequence[PatientRequest] = ()
    calls: Sequence[CallListEntry] = ()
    offers: Sequence[Opening] = ()
    unclear: int = 0
    unread: int = 0
    addresses: int = 0
    make_ups: Sequence[Appointment] = ()
    boosters: Sequence[Appointment] = ()
    authorizations: Sequence[OpenVisit] = ()
    idle: Sequence[CarePlan] = ()

    @property
    def count(self) -> int:
        """How many things there are to do."""
        lists: Iterable[Sequence[object]] = (
            self.late, self.duties, self.requirements, self.displaced, self.requests, self.calls, self.offers,
            self.make_ups, self.boosters, self.authorizations, self.idle,
        )  # fmt: skip
        return sum(map(len, lists)) + self.unclear + self.unread + self.addresses


class Counts:
    """How much there is to do, for the navigation of every page.

    What is read from the calendar takes a tenth of a second at a busy clinic, so it is counted again when the calendar
    has changed, and each minute. The rest is counted each time.
    """

    def __init__(self) -> None:
        self._of_calendar: dict[Reader, tuple[tuple[int, int], int]] = {}
        self._last: dict[Reader, int] = {}

    def of_actor(self, session: Session, actor: Actor, now: datetime) -> int:
        """Return how many things there are to do for this role, with its open tasks."""
        reader = _reader(actor)
        when = (versions.calendar_version(session, actor.clinic.id), int(now.timestamp()) // 60)
        known = self._of_calendar.get(reader)
        if known is None or known[0] != when:
            own = None if allowed(actor, "move") else own_practitioner(session, actor)
            known = self._of_calendar[reader] = (when, _of_calendar(session, actor, now, own).count)
        open_tasks, _ = task.count_open(session, actor.clinic.id, now)
        self._last[reader] = known[1] + _of_desk(session, actor, now).count + open_tasks
        return self._last[reader]

    def last(self, actor: Actor) -> int | None:
        """Return what was counted last for this role; None before the first time."""
        return self._last.get(_reader(actor))


def _reader(actor: Actor) -> Reader:
    """Return for whom is counted: everyone at the desk counts the same, a clinician may count her own."""
    alone = actor.user_id if not allowed(actor, "move") else None
    return (actor.clinic.public_id, actor.role, alone)


COUNTS = Counts()


def of_actor(session: Session, actor: Actor, now: datetime, *, everyone: bool = False) -> Worklist:
    """Return what needs a person of this role; `everyone` does not narrow it to a clinician's own visits."""
    own = None if everyone or allowed(actor, "move") else own_practitioner(session, actor)
    desk = _of_desk(session, actor, now)
    return replace(
        _of_calendar(session, actor, now, own),
        requests=desk.requests,
        calls=desk.calls,
        offers=desk.offers,
        unclear=desk.unclear,
        unread=desk.unread,
        addresses=desk.addresses,
        make_ups=desk.make_ups,
        boosters=desk.boosters,
    )


def _of_calendar(session: Session, actor: Actor, now: datetime, own: Practitioner | None) -> Worklist:
    """Return the lists about visits that are ahead, of one practitioner or of all."""
    clinic, may_book = actor.clinic, allowed(actor, "book")
    today = local_on(now, clinic.zone)
    last = next_working_day(session, clinic, today) or today + timedelta(days=1)
    start, end = day_bounds(today, clinic.zone)[0], day_bounds(last, clinic.zone)[1]
    near = _expected(session, actor, start, end, own)
    return Worklist(
        own=own,
        late=[one for one in near if one.start_at + LATE_AFTER <= now],
        duties=[one for one in duties.of_clinic(session, clinic, now) if _is_own(one.visit, own)],
        requirements=[
            OpenVisit(one, found) for one in near if one.end_at > now and (found := _blocking(one))
        ],
        displaced=[one for one in displaced.ahead(session, clinic, now) if _is_own(one.visit, own)],
        authorizations=_authorizations(session, actor, last, now) if may_book else (),
        idle=bring_back.idle(session, clinic) if may_book else (),
    )


def _of_desk(session: Session, actor: Actor, now: datetime) -> Worklist:
    """Return the lists of what the desk answers, calls about and books."""
    clinic = actor.clinic
    messages, books, answers = (allowed(actor, what) for what in ("send-log", "book", "move"))
    return Worklist(
        requests=patient_request.open_in(session, clinic.id) if answers else (),
        unread=len(incoming_mail.open_in(session, clinic.id)) if answers else 0,
        addresses=len(address_changes.waiting(session, clinic, now)) if answers else 0,
        calls=call_list.calls(session, clinic, now) if messages else (),
        offers=offering.for_a_person(session, clinic, now) if answers else (),
        unclear=send_log.unclear(session, clinic) if messages else 0,
        make_ups=make_ups.to_make_up(session, clinic) if books else (),
        boosters=booster_tasks.to_book(session, clinic, now) if books else (),
    )


def own_practitioner(session: Session, actor: Actor) -> Practitioner | None:
    """Return the practitioner who signs in with the actor's account."""
    return practitioners.of_user(session, actor.clinic.id, actor.user_id) if actor.user_id else None


def _is_own(visit: Appointment, own: Practitioner | None) -> bool:
    return own is None or own in visit.practitioners


def _expected(
    session: Session,
    actor: Actor,
    start: datetime,
    end: datetime,
    own: Practitioner | None,
    *more: ColumnElement[bool],
) -> Sequence[Appointment]:
    """Return the visits that are expected in this time, with what their requirements need. The queries are fixed."""
    query = select(Appointment).where(
        *more,
        Appointment.clinic_id == actor.clinic.id,
        Appointment.start_at >= start,
        Appointment.start_at < end,
        Appointment.status.in_(EXPECTED),
    )
    if own is not None:
        takes_part = exists().where(
            Participant.appointment_id == Appointment.id, Participant.practitioner_id == own.id
        )
        query = query.where(takes_part)
    course = selectinload(Appointment.care_plan)
    query = query.options(
        joinedload(Appointment.patient),
        course.selectinload(CarePlan.requirements),
        course.selectinload(CarePlan.appointments),
        course.joinedload(CarePlan.plan_definition),
    )
    return session.scalars(query.order_by(Appointment.start_at, Appointment.id)).all()


def _blocking(visit: Appointment) -> list[OpenRequirement]:
    """Return what is open for a visit, without the duties that follow it."""
    plan = visit.care_plan.plan_definition.plan if visit.care_plan else None
    return [one for one in open_requirements(visit) if plan and not plan.requirement(one.key).after_visit]


def _authorizations(session: Session, actor: Actor, last: date, now: datetime) -> list[OpenVisit]:
    """Return, of each course, the first visit of the next weeks that its authorization does not cover.

    Visits until the `last` day are left out: they are among those with open requirements.
    """
    start = day_bounds(last, actor.clinic.zone)[1]
    counting = [
        one.id
        for one in session.scalars(select(PlanDefinition).where(PlanDefinition.clinic_id == actor.clinic.id))
        if any(rule.holds is Holds.VISITS for rule in one.plan.requirements)
    ]
    if not counting:
        return []
    in_these = CarePlan.plan_definition_id.in_(counting)
    found: dict[int, OpenVisit] = {}
    for visit in _expected(
        session, actor, start, now + AUTHORIZED, None, Appointment.care_plan.has(in_these)
    ):
        course = visit.care_plan
        if course is None or course.id in found:
            continue
        plan = course.plan_definition.plan
        lacking = [one for one in _blocking(visit) if plan.requirement(one.key).holds is Holds.VISITS]
        if lacking:
            found[course.id] = OpenVisit(visit, lacking)
    return list(found.values())
