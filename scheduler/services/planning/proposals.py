"""Proposals: from a patient's wishes to placements on the live calendar. Nothing is stored; see proposal_tokens."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from scheduler.domain import planner
from scheduler.domain.localtime import local_on
from scheduler.domain.planner.grid.availability import Availability
from scheduler.domain.planner.search.solver_fallback import AtOnce
from scheduler.domain.planner.values import NoFit, Proposal, Request
from scheduler.errors import Invalid, NoFitFound
from scheduler.models.care_plan import CarePlan
from scheduler.services.actors import Actor
from scheduler.services.clinic import planner_weights
from scheduler.services.planning import availability
from scheduler.services.planning.dosing_days import kept_free
from scheduler.services.planning.proposal_tokens import SignedProposal, sign, unsign
from scheduler.services.planning.wishes import CourseRequest

__all__ = ["SignedProposal", "check_dates", "load", "propose", "sign", "slot_map", "unsign"]


def propose(
    session: Session,
    actor: Actor,
    wishes: CourseRequest,
    now: datetime,
    at_once: AtOnce | None = None,
    care_plan: CarePlan | None = None,
) -> list[Proposal]:
    """Return the best courses by the clinic's own weights, best first.

    Doses keep their distance to those that the patient has booked outside this course (`care_plan`; None: a new one),
    unless nothing fits then.

    `at_once` tells whether what the search cannot settle is left to a job (improving_jobs.py); asked only then.
    Raises Invalid for a date that cannot be meant, NoFitFound with `reasons` and `suggestions` when nothing fits.
    """
    check_dates(actor, wishes, now)
    calendar = load(session, actor, wishes, now)
    weights, apart = planner_weights.of(actor.clinic), keeping_apart(session, wishes, care_plan)
    try:
        if apart.not_on:
            with suppress(NoFit):
                return planner.propose(apart, calendar, weights, now=now, at_once=at_once)
        return planner.propose(wishes.request(), calendar, weights, now=now, at_once=at_once)
    except NoFit as refused:
        raise no_fit(refused) from refused


def keeping_apart(session: Session, wishes: CourseRequest, care_plan: CarePlan | None = None) -> Request:
    """Return the request of these wishes, with the days that are too close to the patient's dosing visits elsewhere."""
    free = kept_free(session, wishes.patient, wishes.plan_definition.plan, care_plan)
    return replace(wishes.request(), not_on=free)


def slot_map(
    session: Session, actor: Actor, wishes: CourseRequest, now: datetime
) -> Mapping[str, tuple[datetime, ...]]:
    """Return the possible starts of every action; planner.slot_map says when it lists too many."""
    check_dates(actor, wishes, now)
    calendar, apart = load(session, actor, wishes, now), keeping_apart(session, wishes)
    if apart.not_on:
        with suppress(NoFit):
            return planner.slot_map(apart, calendar, now=now)
    return planner.slot_map(wishes.request(), calendar, now=now)


def load(
    session: Session,
    actor: Actor,
    wishes: CourseRequest,
    now: datetime,
    releasing: frozenset[int] = frozenset(),
) -> Availability:
    """Return the live calendar from the first day in question to the planning horizon.

    `releasing` are ids of appointments whose time counts as free (they are about to move).
    """
    today = local_on(now, actor.clinic.zone)
    first = min([today, *(local_on(done.end, actor.clinic.zone) for done in wishes.done.values())])
    days = (today - first).days + actor.clinic.settings.planning_horizon_days
    return availability.load(session, actor.clinic, first, days, now, wishes.patient, releasing)


def check_dates(actor: Actor, wishes: CourseRequest, now: datetime) -> None:
    """Raise Invalid naming each wish that lies in the past or beyond the planning horizon."""
    today = local_on(now, actor.clinic.zone)
    last = today + timedelta(days=actor.clinic.settings.planning_horizon_days)
    faults, formats = [], actor.clinic.formats
    if wishes.not_before < today:
        faults.append(("not_before", f"{formats.dated(wishes.not_before)} is in the past"))
    if wishes.not_before >= last:
        faults.append(
            (
                "not_before",
                f"{formats.dated(wishes.not_before)} is beyond the planning horizon, {formats.dated(last)}",
            )
        )
    actions = {action.key for action in wishes.plan_definition.plan.actions}
    for action, start in wishes.pinned.items():
        if action not in actions:
            faults.append((f"pinned.{action}", "the protocol has no such action"))
        elif start < now:
            faults.append((f"pinned.{action}", "is in the past"))
        elif local_on(start, actor.clinic.zone) >= last:
            faults.append((f"pinned.{action}", f"is beyond the planning horizon, {formats.dated(last)}"))
    if wishes.earliest and wishes.latest and wishes.earliest >= wishes.latest:
        faults.append(("latest", "must be after earliest"))
    if faults:
        raise Invalid(faults)


def no_fit(refused: NoFit) -> NoFitFound:
    """Return the planner's refusal as one that interfaces can show."""
    return NoFitFound(
        str(refused),
        reasons=[{"action": r.action, "resource": r.resource, "why": r.why} for r in refused.reasons],
        suggestions=[
            {"text": s.text, "request": dict(s.request), "verified": s.verified} for s in refused.suggestions
        ],
        proven=refused.proven,
    )
