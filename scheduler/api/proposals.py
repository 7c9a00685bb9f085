"""Proposals: courses that fit, best first, each with a token that books it within a quarter of an hour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Any

from flask import current_app
from pydantic import Field

from scheduler import clock
from scheduler.api.fields import At, Body, ClockTime, Day, Id, Instant, On, ReadOnly, View, at
from scheduler.api.operations import Answer, call
from scheduler.api.patients import Weekday
from scheduler.database import db
from scheduler.domain.planner.values import Done, Placement, Projection, Proposal, ProposalKind, Slack
from scheduler.domain.plans import Plan
from scheduler.errors import Invalid, NoFitFound
from scheduler.http import access, signing
from scheduler.services.actors import Actor
from scheduler.services.clinic import places, plans, resources, sites
from scheduler.services.patient import patients
from scheduler.services.planning import assignments, improving_jobs, proposals, spacing_exceptions
from scheduler.services.planning.spacing_exceptions import NamedException
from scheduler.services.planning.wishes import CourseRequest
from scheduler.transactions import write_now

Key = Annotated[str, Field(pattern="^[a-z0-9][a-z0-9-]{0,59}$")]


class Pin(Body):
    """An action and the start that it must have."""

    action: Key
    start: Instant


class BentGap(Body):
    """A gap that may once be another: the shortest and the longest, in the unit of the action's own."""

    action: Key
    shortest: Annotated[int, Field(ge=0, le=2000)]
    longest: Annotated[int, Field(ge=0, le=2000)]


class WishBody(Body):
    """What a patient wishes. All visits are at the site `site_id`; without it at that of the patient's latest visit,
    else at the clinic's first. `done` are actions that are over by now: later gaps count from them.

    `slack` bends soft gaps; booking such a course asks for a reason and the right to override. With `dosing_only`,
    weekdays and times of day are asked of the visits that give the drug alone.
    """

    patient_id: Id
    plan_definition: Key
    not_before: Day
    weekdays: list[Weekday] = Field(default=[], max_length=7)
    earliest: ClockTime | None = None
    latest: ClockTime | None = None
    preferred: ClockTime | None = None
    blocked_dates: list[Day] = Field(default=[], max_length=366)
    practitioner_ids: list[Id] = Field(default=[], max_length=50)
    pinned: list[Pin] = Field(default=[], max_length=100)
    done: list[Pin] = Field(default=[], max_length=100)
    slack: list[BentGap] = Field(default=[], max_length=100)
    dosing_only: bool = False
    site_id: Id | None = None
    count: Annotated[int, Field(ge=1, le=10)] = 3


class ProposedVisit(View):
    action: str
    kind: ReadOnly[str]
    title: ReadOnly[str]
    start: At
    end: ReadOnly[At]
    location_id: Id | None
    practitioner_ids: list[Id]
    tentative: ReadOnly[bool]


class ProjectedVisit(View):
    """A visit months ahead: about when it will be, and between which dates it is to be booked."""

    action: str
    kind: str
    title: str
    start: At
    earliest: On
    latest: On


class TermView(View):
    """A part of a proposal's cost, in words."""

    key: str
    cost: int
    words: str


class TherapistView(View):
    """A therapist who could be the course's own; `sessions` of `of` could be with him or her at their times."""

    practitioner_id: Id
    sessions: int
    of: int
    chosen: bool


class ProposalView(View):
    """`proven`: no course costs less under the same weights and on the calendar as it was searched. For the second and
    later ones: no course of its `kind`. `trips` are the days on which the patient comes. `therapists` are who could be
    the course's own, where there is a choice: ask again with one of them in `practitioner_ids`, and with the starts in
    `pinned` to keep the times."""

    kind: ProposalKind
    summary: str
    trips: int
    therapists: list[TherapistView]
    appointments: list[ProposedVisit]
    later: list[ProjectedVisit]
    terms: list[TermView]
    cost: int
    proven: bool
    token: str


class GapView(View):
    action: str
    shortest: int
    longest: int


class ExceptionView(View):
    """A course that ends `days` before the first of the proposals, because the gap before `action` is longer once.

    `why` says what makes the others late, and `closed` the days on which the clinic is closed within the gap. The
    proposal is booked with an `override_reason` by a role that may; `slack` asks for it again.
    """

    action: str
    words: str
    why: str
    days: int
    starts: On
    ends: On
    closed: list[On]
    slack: list[GapView]
    proposal: ProposalView


class ProposalList(View):
    """`exceptions` are courses that end at least five days earlier, each with one exception to the spacing. `job_id`
    names the job that looks for a better course, where the first is not proven to be the best."""

    items: list[ProposalView]
    exceptions: list[ExceptionView]
    job_id: Id | None


@call("POST", "/proposals", may="book", body=WishBody, gives=ProposalList, refuses=(409,), asks=True)
def propose(actor: Actor, body: WishBody) -> Answer:
    """Propose whole courses on the live calendar, best first.

    409 `no-fit` says in `reasons` what blocks which action, and in `suggestions` what would make room: `request` holds
    the fields of this body to change (none: it is not for the patient to change). Where it is not `proven` that nothing
    fits, `job_id` names the job that goes on looking. Asking again about a patient ends the job asked for before.
    """
    now = clock.now()
    wishes = wishes_of(actor, body)
    goes_on = partial(improving_jobs.can_go_on, db.session(), now)
    try:
        found = proposals.propose(db.session(), actor, wishes, now, at_once=goes_on)
    except NoFitFound as refused:
        refusal = _for_programs(refused)
        if not refused.details["proven"] and goes_on():
            refusal.details["job_id"] = _improve(actor, wishes, None)
        raise refusal from refused
    items = views(actor, wishes, found, now)
    late = spacing_exceptions.named(db.session(), actor.clinic, found[0])
    exceptions = [_exception(actor, wishes, one, now) for one in late]
    job_id = _improve(actor, wishes, found[0]) if not found[0].proven and goes_on() else None
    return Answer(ProposalList(items=items, exceptions=exceptions, job_id=job_id))


def _exception(actor: Actor, wishes: CourseRequest, one: NamedException, now: datetime) -> ExceptionView:
    exception = one.exception
    [proposal] = views(actor, one.wishes(wishes), [exception.proposal], now)
    return ExceptionView(
        action=exception.action,
        words=exception.words,
        why=one.why,
        days=exception.days,
        starts=one.starts_on.isoformat(),
        ends=one.ends_on.isoformat(),
        closed=[on.isoformat() for on in exception.closed],
        slack=[GapView(**gap) for gap in _gaps(exception.slack)],
        proposal=proposal,
    )


def views(
    actor: Actor, wishes: CourseRequest, found: Sequence[Proposal], now: datetime
) -> list[ProposalView]:
    """Return proposals as the API shows them, each with its token."""
    access.touch(wishes.patient)
    taken = {segment.resource_id for one in found for visit in one.visits for segment in visit.segments}
    taken |= {choice.resource_id for one in found for choice in one.therapists}
    ids = resources.public_ids(db.session(), actor.clinic.id, taken)
    plan = wishes.plan_definition.plan
    return [_view(one, plan, ids, proposals.sign(one, wishes, actor, signing.keys(), now)) for one in found]


def _improve(actor: Actor, wishes: CourseRequest, best: Proposal | None) -> str | None:
    """Put the search for a better course in line; return the job's id, if it is."""
    seconds = current_app.config["SETTINGS"].solver_seconds
    write_now()
    job = improving_jobs.ask(db.session(), actor, wishes, best, seconds, clock.now())
    job_id = job.public_id if job else None
    db.session.commit()
    return job_id


def wishes_of(actor: Actor, body: WishBody) -> CourseRequest:
    """Return the wishes of a request. Raises NotFound for ids of another clinic, Invalid for unknown actions."""
    session = db.session()
    definition = plans.current(session, actor.clinic, body.plan_definition)
    people = [places.get_practitioner(session, actor.clinic, one) for one in body.practitioner_ids]
    assignments.require_for_course(definition.plan.firm, people, "practitioner_ids")
    patient = patients.get(session, actor.clinic, body.patient_id)
    return CourseRequest(
        patient=patient,
        plan_definition=definition,
        not_before=body.not_before,
        weekdays=frozenset(body.weekdays),
        earliest=body.earliest,
        latest=body.latest,
        blocked_on=frozenset(body.blocked_dates),
        practitioners=tuple(people),
        pinned={pin.action: pin.start for pin in body.pinned},
        done={pin.action: _done(definition.plan, pin, clock.now()) for pin in body.done},
        preferred=body.preferred,
        count=body.count,
        slack=_slack(definition.plan, body.slack),
        dosing_only=body.dosing_only,
        site=sites.asked(session, actor.clinic, body.site_id or "", "site_id", patient),
    )


def _for_programs(refused: NoFitFound) -> NoFitFound:
    """Return the refusal with its suggestions in the words of the body."""
    suggestions = [
        one | {"request": dict(_field(name, value) for name, value in one["request"].items())}
        for one in refused.details["suggestions"]
    ]
    return NoFitFound(refused.words, **{**refused.details, "suggestions": suggestions})


def _field(name: str, value: Any) -> tuple[str, Any]:
    """Return a field of the planner's request as one of the body. An empty choice of people is anybody."""
    match name:
        case "practitioner_ids":
            return name, []
        case "weekdays":
            return name, sorted(value)
        case "blocked_on":
            return "blocked_dates", sorted(day.isoformat() for day in value)
        case "pinned":
            return name, [{"action": action, "start": at(start)} for action, start in value.items()]
        case "slack":
            return name, _gaps(value)
        case "not_before":
            return name, value.isoformat()
        case "earliest" | "latest":
            return name, value.isoformat("minutes") if value else None
    raise ValueError(f"the body has no field {name}")


def _gaps(slack: Slack) -> list[dict[str, Any]]:
    return [{"action": a, "shortest": least, "longest": most} for a, (least, most) in sorted(slack.items())]


def _slack(plan: Plan, bends: Sequence[BentGap]) -> dict[str, tuple[int, int]]:
    offsets = {action.key: action.offset for action in plan.firm if action.offset}
    faults = []
    for place, bend in enumerate(bends):
        if bend.action not in offsets:
            faults.append((f"slack.{place}.action", f"the protocol has no spacing before {bend.action}"))
        elif offsets[bend.action].hard:
            faults.append((f"slack.{place}.action", f"the spacing before {bend.action} cannot be changed"))
        if bend.longest < bend.shortest:
            faults.append((f"slack.{place}.longest", "must not be less than shortest"))
    if faults:
        raise Invalid(faults)
    return {bend.action: (bend.shortest, bend.longest) for bend in bends}


def _done(plan: Plan, pin: Pin, now: datetime) -> Done:
    try:
        action = plan.action(pin.action)
    except KeyError:
        raise Invalid([(f"done.{pin.action}", "the protocol has no such action")]) from None
    done = Done(pin.action, pin.start, pin.start + action.attended_length)
    if done.end > now:
        raise Invalid([(f"done.{pin.action}", "is not over yet")])
    return done


def _view(proposal: Proposal, plan: Plan, ids: Mapping[int, str], token: str) -> ProposalView:
    return ProposalView(
        kind=proposal.kind,
        summary=proposal.summary,
        trips=proposal.trips,
        therapists=[
            TherapistView(
                practitioner_id=ids[one.resource_id], sessions=one.sessions, of=one.of, chosen=one.chosen
            )
            for one in proposal.therapists
        ],
        appointments=[_visit(visit, plan, ids) for visit in proposal.visits],
        later=[_projected(projection, plan) for projection in proposal.projections],
        terms=[TermView(key=term.key, cost=term.cost, words=term.words) for term in proposal.terms],
        cost=proposal.cost,
        proven=proposal.proven,
        token=token,
    )


def _visit(visit: Placement, plan: Plan, ids: Mapping[int, str]) -> ProposedVisit:
    action, place = plan.action(visit.action), visit.location_id
    return ProposedVisit(
        action=action.key,
        kind=action.kind,
        title=action.title,
        start=at(visit.start),
        end=at(visit.attended_end),
        location_id=ids[place] if place is not None else None,
        practitioner_ids=[ids[one] for one in visit.practitioner_ids],
        tentative=bool(action.requirements),
    )


def _projected(projection: Projection, plan: Plan) -> ProjectedVisit:
    action = plan.action(projection.action)
    return ProjectedVisit(
        action=action.key,
        kind=action.kind,
        title=action.title,
        start=at(projection.start),
        earliest=projection.earliest_on.isoformat(),
        latest=projection.latest_on.isoformat(),
    )
