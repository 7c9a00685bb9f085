"""The worker's search for a re-plan: what is displaced is read, planned outside any transaction, and kept as a preview.

It ends when anything better would be too small to notice, when its time is over, or when a person stops it. Time is the
processor's: a busy machine searches as much, if it takes no more than three times as long.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from time import monotonic, thread_time
from typing import Any

from sqlalchemy.orm import Session

from scheduler.domain import planner
from scheduler.domain.planner import Availability, Weights
from scheduler.domain.planner.many.values import (
    AffectedCourse,
    CoursePlan,
    CourseSuggestion,
    JointPlan,
    Score,
    Unplaced,
)
from scheduler.models.replan import ReplanCourse, ReplanState
from scheduler.services.actors import Actor
from scheduler.services.clinic import planner_weights
from scheduler.services.progress import Progress
from scheduler.services.replan import affected, replans
from scheduler.services.replan.planned_moves import KnownVisit, known_visits, planned_moves

KIND = replans.SEARCH
SECONDS = ((10, 5), (30, 10), (64, 20))  # up to so many courses, so many seconds
MOST_SECONDS = 30
TELL_EACH = 1.0  # seconds
LONGEST = 3  # times the processor's time


@dataclass(frozen=True)
class SearchInput:
    """What the worker needs to search without the database; `visits` are the rows of each course by action."""

    courses: tuple[AffectedCourse, ...]
    visits: Mapping[int, Mapping[str, KnownVisit]]
    first: Mapping[int, int]  # the id of the first displaced visit of each course
    availability: Availability
    weights: Weights

    @property
    def seconds(self) -> int:
        number = len(self.courses)
        return next((seconds for most, seconds in SECONDS if number <= most), MOST_SECONDS)

    def seconds_for(self, stage: str) -> int:
        """Return how long the search may take: twice as long while a patient has no time who could have one."""
        return self.seconds * 2 if stage == "placing" else self.seconds


@dataclass(frozen=True)
class SearchResult:
    """What was found, and how long it took; `stopped` by a person."""

    question: SearchInput
    found: JointPlan
    seconds: int
    stopped: bool


def read(session: Session, actor: Actor, request: Mapping[str, Any], now: datetime) -> SearchInput:
    """Return what is displaced still, with its courses. Raises NotFound."""
    replan = replans.get(session, actor.clinic, request["replan"])
    left_out = set(replan.options.get("left_out", ()))
    courses_out = affected.courses_of(session, actor, left_out)
    visits = [
        one.visit
        for one in affected.displaced_visits(session, actor, replans.scope_of(replan), now)
        if one.visit.public_id not in left_out and one.visit.care_plan_id not in courses_out
    ]
    courses, calendar = affected.courses(session, actor, visits, now, replan.options.get("pinned", ()))
    gone = affected.gone(session, actor, replans.scope_of(replan))
    return SearchInput(
        tuple(affected.with_leaving(one.course, gone) for one in courses),
        {one.course.key: known_visits(one.rows) for one in courses},
        {one.course.key: one.displaced[0].id for one in courses},
        calendar,
        planner_weights.of(actor.clinic),
    )


def check(question: SearchInput, now: datetime, progress: Progress) -> SearchResult:
    """Search; tell every second how far it is."""
    begun, worked = monotonic(), thread_time()
    told, wanted = begun - TELL_EACH, True

    def go_on(stage: str, done: int, total: int) -> bool:
        nonlocal told, wanted
        at = monotonic()
        most = question.seconds_for(stage)
        if stage in ("better", "placing"):
            done, total = int(thread_time() - worked), most
        if at - told >= TELL_EACH:
            told, wanted = at, progress(stage, done, total) is not False
        in_time = thread_time() - worked < most and at - begun < LONGEST * most
        return wanted and in_time

    found = planner.replan(question.courses, question.availability, question.weights, now=now, go_on=go_on)
    return SearchResult(question, found, round(monotonic() - begun), not wanted)


def write(
    session: Session, actor: Actor, request: Mapping[str, Any], answer: SearchResult, now: datetime
) -> dict[str, Any]:
    """Keep the preview; return its totals, as the job shows them."""
    replan = replans.get(session, actor.clinic, request["replan"])
    rows = [_planned(answer, plan) for plan in answer.found.plans]
    rows += [_unplaced(answer, one) for one in answer.found.unplaced]
    for row in rows:
        row.clinic_id, row.replan_id = actor.clinic.id, replan.id
    session.add_all(rows)
    replan.result = {
        **_totals(answer, rows),
        "successors": _successors(answer.found),
        "ended_at": now.isoformat(),
    }
    session.flush()
    return replan.result


def _planned(answer: SearchResult, plan: CoursePlan) -> ReplanCourse:
    known, course = answer.question.visits[plan.course.key], plan.course
    return ReplanCourse(
        appointment_id=answer.question.first[course.key],
        state=ReplanState.ASK if plan.bent else ReplanState.PLANNED,
        displaced=sorted(known[action].id for action in course.displaced),
        moves=planned_moves(plan, known),
        bent=[one.value for one in plan.bent],
        gaps=list(plan.bent_gaps),
    )


def _unplaced(answer: SearchResult, one: Unplaced) -> ReplanCourse:
    known = answer.question.visits[one.course.key]
    return ReplanCourse(
        appointment_id=answer.question.first[one.course.key],
        state=ReplanState.UNPLACED,
        displaced=sorted(known[action].id for action in one.course.displaced),
        reasons=list(dict.fromkeys(reason.why for reason in one.reasons)),
        suggestions=[_suggestion(suggestion, known) for suggestion in one.suggestions],
    )


def _suggestion(suggestion: CourseSuggestion, known: Mapping[str, KnownVisit]) -> dict[str, Any]:
    plan = suggestion.plan
    return {
        "text": suggestion.text,
        "moves": planned_moves(plan, known) if plan else [],
        "bent": [one.value for one in plan.bent] if plan else [],
        "gaps": list(plan.bent_gaps) if plan else [],
    }


def _totals(answer: SearchResult, rows: list[ReplanCourse]) -> dict[str, Any]:
    found = answer.found
    return {
        "visits": sum(len(row.displaced) for row in rows),
        "patients": len({course.patient for course in answer.question.courses}),
        "planned": sum(row.state is ReplanState.PLANNED for row in rows),
        "ask": sum(row.state is ReplanState.ASK for row in rows),
        "unplaced": sum(row.state is ReplanState.UNPLACED for row in rows),
        "moves": _moves(found.score),
        "least_moves": _moves(found.bound),
        "other_moves": found.score.moved + found.score.kept_moved,
        "confirmed_moved": found.score.kept_moved,
        "is_least": found.is_least,
        "is_proven": found.is_proven,
        "seconds": answer.seconds,
        "stopped": answer.stopped,
    }


def _successors(found: JointPlan) -> list[dict[str, int]]:
    """Return who takes over from whom, as resources, in how many of their courses."""
    courses = [*(plan.course for plan in found.plans), *(one.course for one in found.unplaced)]
    handed = [course for course in courses if course.successor]
    with_them = {one.course.key for one in found.plans if one.course.successor and not one.score.apart}
    return [
        {
            "leaving": leaving,
            "successor": successor,
            "courses": sum((one.leaving, one.key in with_them) == (leaving, True) for one in handed),
            "of": sum(one.leaving == leaving for one in handed),
        }
        for leaving, successor in dict.fromkeys((one.leaving, one.successor) for one in handed)
    ]


def _moves(score: Score) -> int:
    return score.moved + score.kept_moved + score.retimed
