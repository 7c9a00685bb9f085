"""Checking visits against the rules before they are written.

The planner's validator judges what came from a proposal, a form or an API call alike. Time that is taken is left to
`occupy`, which names whose it is; a hard rule is never broken; a soft one may be, by a role and with a reason.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from scheduler.domain import planner
from scheduler.domain.planner.grid.availability import Availability
from scheduler.domain.planner.values import Placement, Request, Violation
from scheduler.errors import RuleBroken
from scheduler.services.account.overrides import may_override
from scheduler.services.actors import Actor

LEFT_TO_OCCUPY = frozenset({"taken", "patient"})


def check(
    actor: Actor,
    request: Request,
    calendar: Availability,
    visits: Sequence[Placement],
    now: datetime,
    override_reason: str = "",
    accepted: Collection[Violation] = (),
    others: Collection[Violation] = (),
) -> list[Violation]:
    """Return the soft rules that an override breaks. `accepted` were broken before and stay as they are.

    `others` are broken rules that the planner does not know; they are treated like those that it finds.

    Raises RuleBroken with every violation when a hard rule is broken, or a soft one without the right or the reason;
    Invalid when the reason is too short to be one.
    """
    found = planner.check(request, calendar, visits, now=now)
    violations = [v for v in found if v.rule not in LEFT_TO_OCCUPY and v not in accepted]
    violations += others
    require(actor, violations, override_reason)
    return violations


def require(actor: Actor, violations: Sequence[Violation], override_reason: str) -> None:
    """Raise RuleBroken when a hard rule is broken, or a soft one that the actor may not or does not override."""
    hard = any(violation.hard for violation in violations)
    refuse(violations, override=bool(violations) and not hard and may_override(actor, override_reason))


def refuse(violations: Sequence[Violation], *, override: bool) -> None:
    """Raise RuleBroken when a hard rule is broken, or a soft one without an override."""
    if any(violation.hard for violation in violations) or (violations and not override):
        raise _broken(violations)


def check_change(
    actor: Actor,
    request: Request,
    calendar: Availability,
    before: Sequence[Placement],
    after: Sequence[Placement],
    now: datetime,
    override_reason: str = "",
    others: Collection[Violation] = (),
) -> list[Violation]:
    """Check a course that a person changes by hand: what it broke before, it may go on breaking.

    The patient's wishes do not bind that person. Returns and raises as `check` does.
    """
    wanted = by_hand(request)
    known = planner.check(wanted, calendar, before, now=now)
    return check(actor, wanted, calendar, after, now, override_reason, known, others)


def by_hand(request: Request) -> Request:
    """Return the request without the patient's wishes: they do not bind a person who chooses a time."""
    return replace(request, weekdays=frozenset(), earliest=None, latest=None, blocked_on=frozenset())


def _broken(violations: Sequence[Violation]) -> RuleBroken:
    words = "; ".join(violation.words for violation in violations)
    return RuleBroken(
        words,
        violations=[
            {"action": v.action, "rule": v.rule, "words": v.words, "hard": v.hard} for v in violations
        ],
    )
