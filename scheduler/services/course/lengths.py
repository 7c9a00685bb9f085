"""Changing how long a phase takes for the rest of a course: a longer infusion, a longer observation.

The visits ahead get the new length, and what no longer fits moves, with as few moves as the planner can find. Only
an override makes a part of a dosing visit that the patient stays for (the observation) shorter than in the protocol.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from scheduler.domain import planner
from scheduler.domain.planner.values import NoFit, Violation
from scheduler.domain.plans import TICK
from scheduler.errors import Invalid
from scheduler.models.appointment import Appointment
from scheduler.models.care_plan import CarePlan
from scheduler.services.actors import Actor
from scheduler.services.planning import rules
from scheduler.services.planning.courses import under_way
from scheduler.services.planning.proposals import no_fit
from scheduler.services.trail import audit
from scheduler.services.visit.moves import WHY, Move

LONGEST = 12 * 60
MINUTE = timedelta(minutes=1)
SHORTER = "shorter-phase"
TICK_MINUTES = int(TICK.total_seconds()) // 60


def change_length(
    session: Session,
    actor: Actor,
    care_plan: CarePlan,
    kind: str,
    phase: str,
    minutes: int,
    now: datetime,
    override_reason: str = "",
) -> list[Move]:
    """Set the phase's length in every visit of this kind ahead, and return the moves that it takes.

    The rows are changed and flushed; the caller applies the moves in the same transaction, or rolls back. Raises
    Invalid for a length that cannot be or a phase that no visit has, NoFitFound when the rest cannot be kept,
    RuleBroken for a length that needs an override.
    """
    if minutes % TICK_MINUTES or not TICK_MINUTES <= minutes <= LONGEST:
        raise Invalid([("minutes", f"must be a multiple of {TICK_MINUTES} from {TICK_MINUTES} to {LONGEST}")])
    before = under_way(session, actor, care_plan, now)
    rows = [row for row in before.rows.values() if row.kind == kind and _has(row, phase)]
    if not rows:
        raise Invalid([("phase", f"no visit ahead of kind {kind} has a phase {phase}")])
    shorter = _too_short(care_plan, rows, phase, minutes)
    rules.require(actor, shorter, override_reason)
    if shorter:
        fields = [f"override:{SHORTER}"]
        audit.record(session, actor, "care-plan.overridden", care_plan, now, fields, override_reason)
    for row in rows:
        row.phases = [_with(document, phase, minutes) for document in row.phases]
        audit.record(session, actor, "appointment.changed", row, now, ["phases"])
    session.flush()
    course = under_way(session, actor, care_plan, now)
    try:
        result = planner.reflow(
            course.request, course.visits, {}, course.calendar, course.weights, now=now, keep=course.keep
        )
    except NoFit as refused:
        raise no_fit(refused) from refused
    placed = {visit.action: visit for visit in result.proposal.visits}
    why = {move.action: WHY.get(move.why, move.why) for move in result.moves}
    changed = {row.action for row in rows}
    return [
        Move(course.rows[action], visit, why.get(action, f"{phase} takes {minutes} minutes"))
        for action, visit in placed.items()
        if action in course.rows and (action in why or action in changed)
    ]


def _too_short(care_plan: CarePlan, rows: Sequence[Appointment], phase: str, minutes: int) -> list[Violation]:
    """Return a violation when this part of a dosing visit would be shorter than in the protocol."""
    actions = {action.key: action for action in care_plan.plan_definition.plan.actions}
    known = [actions[row.action] for row in rows if row.dosing and row.action in actions]
    parts = [
        (action, part) for action in known for part in action.phases if part.name == phase and part.attended
    ]
    for action, part in parts:
        least = part.length // MINUTE
        if minutes < least:
            words = (
                f"{action.title}: {phase} takes {least} minutes in the protocol, and {minutes} is shorter."
            )
            return [Violation(action.key, SHORTER, words, hard=False)]
    return []


def _has(row: Appointment, phase: str) -> bool:
    return any(document["name"] == phase for document in row.phases)


def _with(document: Mapping[str, object], phase: str, minutes: int) -> dict[str, object]:
    return {**document, "minutes": minutes} if document["name"] == phase else dict(document)
