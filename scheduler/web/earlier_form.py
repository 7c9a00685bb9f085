"""What the booking form asks about earlier visits: it depends on the protocol and on which of them was the last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scheduler.domain.planner.answers.words import label
from scheduler.domain.plans import Action, Plan
from scheduler.services.planning.earlier import line, sides
from scheduler.web.wish_form import Fields, had


@dataclass(frozen=True)
class EarlierForm:
    """`choices` for the last visit before; the ones before it, latest first; the series that may have gone with them.

    `key` says for what these fields are. Where the form was sent with other ones, they must be shown again: `changed`.
    """

    key: str
    had: str
    choices: Sequence[tuple[str, str]]
    before: Sequence[tuple[Action, str]]
    sides: Sequence[tuple[str, str]]
    changed: bool


def earlier_form(form: Fields, plan: Plan) -> EarlierForm:
    """Return the fields about earlier visits for what the form says now."""
    order, last = line(plan)[:-1], had(form, plan)
    keys = [action.key for action in order]
    key = f"{plan.key}/{last}"
    held = order[: keys.index(last)] if last else []
    return EarlierForm(
        key,
        last,
        [("", "Nothing yet"), *((action.key, _counted(action)) for action in order)],
        [(action, label(action)) for action in reversed(held)],
        sorted(sides(plan).items(), key=lambda one: one[1]) if last else [],
        form.get("earlier_for") != key,
    )


def _counted(action: Action) -> str:
    if action.position and action.series_length:
        return f"{action.title} {action.position} of {action.series_length}"
    return action.title
