"""Looking for a better course as a job, where the one proposed at once is not proven to be the best.

The job holds ids, dates and numbers: the patient's and the plan's public ids and the wishes as a care plan keeps them.
It belongs to the user who asked, ends within the time that it was given, and is forgotten an hour after. What it found
is placed on the live calendar again when it is looked at, so nothing that has been taken meanwhile is offered, and
nothing too close to a dosing visit of the patient in another course. Asking again about a patient ends the last search.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy.orm import Session

from scheduler.domain import planner
from scheduler.domain.localtime import from_minute, local_on, to_minute
from scheduler.domain.planner import Availability, Improvement, Weights
from scheduler.domain.planner.search import solver_fallback
from scheduler.domain.planner.values import Proposal, Request
from scheduler.errors import NotFound
from scheduler.models.job import Job, JobState
from scheduler.models.patient import by_public_id as patient_by_public_id
from scheduler.models.plan_definition import by_public_id as plan_by_public_id
from scheduler.services import jobs, signs_of_life
from scheduler.services.actors import Actor
from scheduler.services.clinic import planner_weights
from scheduler.services.planning import proposals
from scheduler.services.planning.proposal_tokens import GOOD_FOR
from scheduler.services.planning.wishes import CourseRequest, from_document
from scheduler.services.progress import Progress

KIND = jobs.IMPROVE
MAY = "book"
MOST_OPEN = 5  # in a clinic: imports wait behind them


class Outcome(StrEnum):
    """`better` than what was proposed, the `same` and proven, `nothing` fits and proven, or `open`: not settled."""

    BETTER = "better"
    SAME = "same"
    NOTHING = "nothing"
    OPEN = "open"


@dataclass(frozen=True)
class ImprovementInput:
    """What the worker needs to know to search without the database. `cost` is that of the course to beat."""

    request: Request
    availability: Availability
    weights: Weights
    seconds: int


def can_go_on(session: Session, now: datetime) -> bool:
    """Tell whether there is a solver, and a worker to run it."""
    return solver_fallback.is_installed() and not signs_of_life.is_worker_gone(session, now)


def ask(
    session: Session,
    actor: Actor,
    wishes: CourseRequest,
    best: Proposal | None,
    seconds: int,
    now: datetime,
) -> Job | None:
    """Put the search for a course that costs less than the best known in line; None when too many wait.

    Any course is better than none, and than one that is too close to the patient's other dosing visits.
    """
    kept = proposals.keeping_apart(session, wishes).not_on
    cost = best.cost if best is not None and _keeps_apart(best, wishes, kept, actor) else None
    request = {
        "patient": wishes.patient.public_id,
        "plan": wishes.plan_definition.public_id,
        "wishes": wishes.to_document(),
        "cost": cost,
        "apart": bool(kept),
        "seconds": seconds,
    }
    waiting = jobs.open_of(session, actor.clinic, KIND)
    for job in waiting:
        if job.user_id != actor.user_id or job.request["patient"] != request["patient"]:
            continue
        if job.request == request:
            return job
        jobs.fail(session, job, jobs.problem_of(jobs.AskedAnew()), now)
    if sum(job.ended_at is None for job in waiting) >= MOST_OPEN:
        return None
    return jobs.ask(session, actor, KIND, request, now)


def read(session: Session, actor: Actor, request: Mapping[str, Any], now: datetime) -> ImprovementInput:
    """Return what is to be searched, on the calendar of now. Raises NotFound when the patient is gone."""
    wishes = _wishes(session, actor, request)
    calendar = proposals.load(session, actor, wishes, now)
    asked = proposals.keeping_apart(session, wishes)
    return ImprovementInput(asked, calendar, planner_weights.of(actor.clinic), request["seconds"])


def check(question: ImprovementInput, now: datetime, progress: Progress) -> Improvement:
    """Search; tell every second how long it has taken."""
    begun = 0

    def watch() -> None:
        nonlocal begun
        begun += 1
        progress("searched", min(begun, question.seconds), question.seconds)

    progress("searched", 0, question.seconds)
    return planner.improve(
        question.request,
        question.availability,
        question.weights,
        now=now,
        seconds=question.seconds,
        watch=watch,
    )


def write(
    _session: Session, _actor: Actor, request: Mapping[str, Any], found: Improvement, _now: datetime
) -> dict[str, Any]:
    """Return what came out, as the job keeps it."""
    outcome = _outcome(found, request["cost"])
    result = {
        "outcome": outcome.value,
        "proven": found.proven,
        "cost": found.cost,
        "apart": request["apart"],
    }
    if outcome is not Outcome.BETTER or found.starts is None:
        return result
    starts = {action: to_minute(start) for action, start in sorted(found.starts.items())}
    asked = {key: request[key] for key in ("patient", "plan", "wishes")}
    return result | {"starts": starts, "asked": asked}


def get(session: Session, actor: Actor, public_id: str) -> Job:
    """Return a search that this user asked for. Raises NotFound."""
    job = jobs.get(session, actor.clinic, public_id)
    if job.kind != KIND or job.user_id != actor.user_id:
        raise NotFound
    return job


def offered(session: Session, actor: Actor, job: Job, now: datetime) -> tuple[CourseRequest, Proposal] | None:
    """Return the better course that a job has found, if it is still good and has a place on the calendar of now."""
    result = job.result or {}
    if "starts" not in result or job.ended_at is None or now >= job.ended_at + GOOD_FOR:
        return None
    wishes = _wishes(session, actor, result["asked"])
    starts = {action: from_minute(minute) for action, minute in result["starts"].items()}
    proposal = planner.placed(
        wishes.request(),
        Improvement(starts, result["cost"], result["proven"]),
        proposals.load(session, actor, wishes, now),
        planner_weights.of(actor.clinic),
        now=now,
    )
    kept = proposals.keeping_apart(session, wishes).not_on
    return (wishes, proposal) if proposal and _keeps_apart(proposal, wishes, kept, actor) else None


def is_open(job: Job) -> bool:
    return job.state in (JobState.WAITING, JobState.RUNNING)


def is_better(job: Job) -> bool:
    """Tell whether a better course was found, whether or not it still has a place."""
    return (job.result or {}).get("outcome") == Outcome.BETTER


def _keeps_apart(
    proposal: Proposal, wishes: CourseRequest, kept: Mapping[str, Collection[date]], actor: Actor
) -> bool:
    """Tell whether no dosing visit is on a day that is kept free; a start that was asked for is not judged."""
    return not any(
        local_on(visit.start, actor.clinic.zone) in kept.get(visit.action, ())
        for visit in proposal.visits
        if visit.action not in wishes.pinned
    )


def _outcome(found: Improvement, cost: int | None) -> Outcome:
    if found.cost is None:
        return Outcome.NOTHING if found.proven else Outcome.OPEN
    if cost is None or found.cost < cost:
        return Outcome.BETTER
    return Outcome.SAME if found.proven else Outcome.OPEN


def _wishes(session: Session, actor: Actor, held: Mapping[str, Any]) -> CourseRequest:
    patient = patient_by_public_id(session, actor.clinic.id, held["patient"])
    definition = plan_by_public_id(session, actor.clinic.id, held["plan"])
    if patient is None or definition is None or patient.merged_into_id is not None or patient.erased_at:
        raise NotFound
    return from_document(session, patient, definition, held["wishes"])
