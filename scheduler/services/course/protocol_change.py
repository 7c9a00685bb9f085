"""Another protocol for the rest of a course: what was held counts, what is ahead is planned again.

A visit that the new protocol has too keeps its row and uid, and moves only as far as the new gaps ask for; the others
are canceled, and those that the old one did not have are new. All of it is shown first, then done in one transaction
with one mail. The course goes on as the same course: its requirements, its history and its links stay. What was given
is not given again, and no step counts that was not held, unless a role that may overrides that with a reason.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from scheduler.domain import planner
from scheduler.domain.localtime import local_on, to_local, to_minute
from scheduler.domain.plan_files import phase_document
from scheduler.domain.planner.grid.availability import Availability
from scheduler.domain.planner.values import Done, NoFit, Placement, Projection, Violation
from scheduler.domain.plans import Action, Plan
from scheduler.domain.spacing import Spacing, spacings
from scheduler.domain.status import CarePlanStatus
from scheduler.errors import Invalid, WrongStatus
from scheduler.models.appointment import Appointment, appointments_of
from scheduler.models.care_plan import CarePlan
from scheduler.models.plan_definition import PlanDefinition
from scheduler.services.actors import Actor
from scheduler.services.clinic.working_days import working_days
from scheduler.services.course.booking import write_projections
from scheduler.services.planning import course_rules, proposals, rules
from scheduler.services.planning.courses import OngoingCourse, is_projected, latest, under_way
from scheduler.services.planning.earlier import Before, Earlier, earlier, line
from scheduler.services.planning.proposals import no_fit
from scheduler.services.planning.visit_rows import People, done_of, planned
from scheduler.services.planning.wishes import CourseRequest, of_care_plan
from scheduler.services.trail import audit
from scheduler.services.visit import requirements, visits
from scheduler.services.visit.changes import Changes, changing, release_expired

NOT_HELD, GIVEN_AGAIN = "step-not-held", "repeated-dose"


@dataclass(frozen=True)
class Placed:
    """A visit of the rest and the row that it keeps (None: it is new). `spacing` is the gap before it."""

    visit: Placement
    action: Action
    row: Appointment | None
    before: Placement | None
    spacing: Spacing | None

    @property
    def moves(self) -> bool:
        """Whether the row gets another time, place or people."""
        old, new = self.before, self.visit
        return old is None or (old.start, old.end, old.segments) != (new.start, new.end, new.segments)

    @property
    def retimed(self) -> bool:
        old, new = self.before, self.visit
        return old is None or (old.start, old.attended_end) != (new.start, new.attended_end)


@dataclass(frozen=True)
class ProtocolChange:
    """What the change would do. `last` is the visit of the new protocol that counts as held last (none: "").

    `broken` are the rules that it overrides.
    """

    care_plan: CarePlan
    definition: PlanDefinition
    last: str
    wishes: CourseRequest
    placed: tuple[Placed, ...]
    off: tuple[Appointment, ...]
    projections: tuple[Projection, ...]
    calendar: Availability
    broken: tuple[Violation, ...]

    @property
    def shown(self) -> object:
        """What a preview's token is bound to."""
        known = [
            (
                one.action.key,
                one.row.row_version if one.row else 0,
                to_minute(one.visit.start),
                one.visit.location_id,
            )
            for one in self.placed
        ]
        off = [(row.public_id, row.row_version) for row in self.off]
        return [self.care_plan.public_id, self.definition.public_id, self.last, known, off]


def plan_change(
    session: Session,
    actor: Actor,
    care_plan: CarePlan,
    definition: PlanDefinition,
    now: datetime,
    last: str | None = None,
    override_reason: str = "",
) -> ProtocolChange:
    """Return what going on with another protocol would change; nothing is written.

    `last` says which of its visits counts as held last; None finds it by what was held. Raises WrongStatus unless the
    course is active with no visit under way, Invalid when nothing is left to book, NoFitFound when the rest does not
    fit. Raises RuleBroken beside another course that gives a drug, when doses would be given again and when steps would
    count that were not held, unless that is overridden.
    """
    _require(care_plan, definition, now)
    release_expired(session, actor.clinic, now)
    course, plan = under_way(session, actor, care_plan, now), definition.plan
    held = _held(care_plan, course)
    reached = _reached(plan, held)
    last = reached if last is None else last
    known = _known(actor, plan, held, last, now)
    today = local_on(now, actor.clinic.zone)
    own = _own(care_plan, course, plan)
    broken = [
        *course_rules.second_courses(session, care_plan.patient, plan, care_plan),
        *_not_held(plan, reached, last, own),
        *_given_again(care_plan, plan, {*known.done, *own}, now),
    ]
    rules.require(actor, broken, override_reason)
    wishes = replace(
        of_care_plan(session, care_plan),
        plan_definition=definition,
        not_before=today,
        done={**known.done, **own},
        skipped=known.skipped - own.keys(),
        slack={},
        count=1,
    )
    if not any(action.dosing for action in plan.actions if action.key in wishes.done):
        wishes = replace(wishes, not_before=max(today, _rested_on(care_plan, plan, now)))
    rows = {key: row for key, row in course.rows.items() if key not in wishes.done}
    firm = {action.key for action in plan.firm}
    current = {key: course.visits[key] for key in rows if key in firm}
    ids = frozenset(row.id for row in course.rows.values())
    calendar = proposals.load(session, actor, wishes, now, ids)
    try:
        result = planner.reflow(
            proposals.keeping_apart(session, wishes, care_plan),
            current,
            {},
            calendar,
            course.weights,
            now=now,
            keep=course.keep & current.keys(),
            other_plan=True,
        )
    except NoFit as refused:
        raise no_fit(refused) from refused
    proposal = result.proposal
    if not proposal.visits:
        raise WrongStatus("Nothing is left to book under this protocol")
    projected = [one for one in appointments_of(care_plan) if is_projected(one)]
    off = [row for key, row in course.rows.items() if key not in current]
    return ProtocolChange(
        care_plan,
        definition,
        last,
        wishes,
        _placed(session, actor, plan, wishes, proposal.visits, rows, current),
        (*off, *projected),
        proposal.projections,
        calendar,
        tuple(broken),
    )


def apply_change(
    session: Session,
    actor: Actor,
    change: ProtocolChange,
    reason: str,
    now: datetime,
    override_reason: str = "",
) -> CarePlan:
    """Do what was planned, in one transaction with one mail. Raises Invalid without a reason, SlotTaken, RuleBroken."""
    rules.require(actor, change.broken, override_reason)
    if not reason.strip():
        raise Invalid([("reason", "is missing: give the reason for the change")])
    care_plan, patient = change.care_plan, change.care_plan.patient
    visits_ahead = [one.visit for one in change.placed]
    title = f"continued under {change.definition.title}"[:300]
    wanted = [(patient, visits_ahead)]
    with changing(
        session, actor, now, change.off, wanted, together=True, override_reason=override_reason
    ) as written:
        rules.check(actor, change.wishes.request(), change.calendar, visits_ahead, now)
        visits.call_off(written, change.off, title)
        care_plan.plan_definition, care_plan.wishes = change.definition, change.wishes.to_document()
        care_plan.row_version += 1
        people = People(session, actor.clinic, visits_ahead)
        rows = [_write(written, care_plan, one, people, reason) for one in change.placed]
        write_projections(written, care_plan, change.projections)
        requirements.write_rows(session, care_plan, rows)
        for row in rows:
            row.status = requirements.status_by_requirements(row)
        audit.record(
            session, actor, "care-plan.protocol-changed", care_plan, now, ["plan_definition"], reason
        )
        if change.broken:
            fields = {f"override:{violation.rule}" for violation in change.broken}
            audit.record(session, actor, "care-plan.overridden", care_plan, now, fields, override_reason)
    return care_plan


def _require(care_plan: CarePlan, definition: PlanDefinition, now: datetime) -> None:
    if care_plan.status is not CarePlanStatus.ACTIVE:
        raise WrongStatus(f"The course is {care_plan.status.words}: its protocol cannot be changed")
    if care_plan.plan_definition_id == definition.id:
        raise WrongStatus("The course follows this protocol already")
    for one in appointments_of(care_plan):
        if one.status.is_live and one.start_at <= now < one.end_at:
            raise WrongStatus(f"{one.title} is in progress: change the protocol when it is over")
        if one.dosing and one.status.is_waiting and one.start_at <= now:  # given or not is not known
            raise WrongStatus(f"{one.title} has no outcome yet: mark it as done or as a no-show first")


def _rested_on(care_plan: CarePlan, plan: Plan, now: datetime) -> date:
    """Return the first day on which a protocol that starts from its beginning may give its drug."""
    first = next((action.dosing.days for action in plan.firm if action.dosing), 0)
    given = [
        one.local_start.date() + timedelta(days=max(one.dosing.days, first))
        for one in _doses(care_plan, now)
        if one.dosing
    ]
    return max(given, default=date.min) if first else date.min


def _held(care_plan: CarePlan, course: OngoingCourse) -> list[Appointment]:
    """Return the visits of the old protocol's line that were held, in its order."""
    standing = latest(care_plan)
    keys = [action.key for action in line(care_plan.plan_definition.plan)]
    return [
        standing[key]
        for key in keys
        if key in standing and key not in course.rows and not standing[key].status.is_off
    ]


def _reached(plan: Plan, held: Sequence[Appointment]) -> str:
    """Return how far into the new protocol the held visits reach: the same visit, or as many of the same kind."""
    if not held:
        return ""
    order = line(plan)
    if held[-1].action in {action.key for action in order}:
        return held[-1].action
    same = [action.key for action in order if action.kind == held[-1].kind]
    number = sum(one.kind == held[-1].kind for one in held)
    return same[min(number, len(same)) - 1] if same else ""


def _not_held(plan: Plan, reached: str, last: str, own: Mapping[str, Done]) -> list[Violation]:
    """Return a violation when steps would count as completed that lie beyond what was held."""
    order = line(plan)
    keys = [action.key for action in order]
    if last not in keys:
        return []
    first = keys.index(reached) + 1 if reached else 0
    beyond = [action for action in order[first : keys.index(last) + 1] if action.key not in own]
    if not beyond:
        return []
    names = " and ".join(action.numbered_title for action in beyond)
    words = f"{names} would count as completed, but took place in no visit of this course."
    return [Violation(beyond[0].key, NOT_HELD, words, hard=False)]


def _given_again(care_plan: CarePlan, plan: Plan, done: Collection[str], now: datetime) -> list[Violation]:
    """Return a violation when fewer doses count than this course gave already: it would give some again."""
    doses = [action for action in plan.firm if action.dosing]
    ahead = [action for action in doses if action.key not in done]
    given, counted = len(_doses(care_plan, now)), len(doses) - len(ahead)
    if not ahead or counted >= given:
        return []
    dose = "dose has" if given == 1 else "doses have"
    words = (
        f"{given} {dose} been given in this course, and {counted} would count: it would go on with "
        f"{ahead[0].numbered_title}."
    )
    return [Violation(ahead[0].key, GIVEN_AGAIN, words, hard=False)]


def _doses(care_plan: CarePlan, now: datetime) -> list[Appointment]:
    """Return the visits of a course that gave the drug."""
    rows = appointments_of(care_plan)
    return [one for one in rows if one.dosing and one.status.is_live and one.start_at <= now]


def _known(actor: Actor, plan: Plan, held: Sequence[Appointment], last: str, now: datetime) -> Earlier:
    """Return what counts as done: the line up to `last`, at the times of the held visits, the latest of each first."""
    if not last:
        return Earlier()
    zone = actor.clinic.zone
    keys = [action.key for action in line(plan)]
    if last not in keys or not held:
        raise Invalid([("last", "is not a visit of this protocol that can be done already")])
    pairs = dict(zip(reversed(keys[: keys.index(last) + 1]), reversed(held), strict=False))
    days = {key: local_on(row.start_at, zone) for key, row in pairs.items()}
    at = to_local(held[-1].start_at, zone).time()
    exact = {key: Done(key, row.start_at, row.end_at) for key, row in pairs.items()}
    return earlier(plan, Before(last, days, at, exact=exact), local_on(now, zone), zone, now)


def _own(care_plan: CarePlan, course: OngoingCourse, plan: Plan) -> dict[str, Done]:
    """Return the visits of both protocols that stay as they are, fulfilled or canceled, by their own times."""
    keys = {action.key for action in plan.actions}
    return {
        key: done_of(row)
        for key, row in latest(care_plan).items()
        if key in keys and key not in course.rows and not is_projected(row)
    }


def _placed(
    session: Session,
    actor: Actor,
    plan: Plan,
    wishes: CourseRequest,
    found: Sequence[Placement],
    rows: Mapping[str, Appointment],
    current: Mapping[str, Placement],
) -> tuple[Placed, ...]:
    times = {key: (done.start, done.end) for key, done in wishes.done.items()}
    times |= {visit.action: (visit.start, visit.attended_end) for visit in found}
    gaps = spacings(plan, times, actor.clinic.zone, working_days(session, actor.clinic))
    return tuple(
        Placed(
            visit,
            plan.action(visit.action),
            rows.get(visit.action),
            current.get(visit.action),
            gaps.get(visit.action),
        )
        for visit in found
    )


def _write(change: Changes, care_plan: CarePlan, placed: Placed, people: People, reason: str) -> Appointment:
    """Put a visit of the new protocol into its row, or write a new one."""
    row, action = placed.row, placed.action
    if row is None:
        row = planned(change.actor.clinic, care_plan.patient, action, placed.visit, people, change.now)
        care_plan.appointments.append(row)
        change.add(row, placed.visit)
        change.note(row, "book", reason, audit=None)
        change.session.flush()
        return row
    kind, trail = ("reschedule", "appointment.moved") if placed.moves else ("protocol", "appointment.changed")
    change.note(row, kind, reason, trail, always=False)
    row.kind, row.title, row.series = action.kind, action.title, action.series
    row.position, row.series_length, row.visible = action.position, action.series_length, action.visible
    row.phases, row.dosing = [phase_document(phase) for phase in action.phases], action.dosing
    if placed.moves:
        change.put(row, placed.visit, people)
    return row
