"""The gap of each visit of a protocol that gives the drug.

A visit that follows another dosing visit has the shortest gap of its own offset. The first of a series follows none: it
has the gap that the next firm one has, or a day where the protocol gives the drug once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from scheduler.domain.plans import Action, DosingGap, Offset, Unit

HOURS_OF_DAY = 24


def with_dosing_gaps(actions: Sequence[tuple[Action, bool]]) -> tuple[Action, ...]:
    """Return the actions of a plan, in order, with their dosing gaps. Each comes with whether it gives the drug."""
    gives = {action.key for action, dosing in actions if dosing}
    own = {
        action.key: _gap(action.offset)
        for action, dosing in actions
        if dosing and action.offset is not None and action.offset.after in gives
    }
    firm = [own[action.key] for action, _ in actions if action.key in own and not action.proposed]
    first = min(firm, key=lambda gap: gap.days, default=DosingGap(1))
    return tuple(
        replace(action, dosing=own.get(action.key, first)) if dosing else action for action, dosing in actions
    )


def _gap(offset: Offset) -> DosingGap:
    days = -(-offset.min // HOURS_OF_DAY) if offset.unit is Unit.HOURS else offset.min
    return DosingGap(max(days, 1), offset.hard)
