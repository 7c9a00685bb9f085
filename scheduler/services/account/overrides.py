"""Overriding a rule: who may, and what counts as a reason."""

from __future__ import annotations

from scheduler.errors import Invalid
from scheduler.services.account.permissions import allowed
from scheduler.services.actors import Actor

SHORTEST = 10  # characters
FEWEST_LETTERS = 5  # letters and digits among them, so that dots alone are no reason
WORDS = f"must say why, in at least {SHORTEST} characters that are not only punctuation"


def is_reason(text: str) -> bool:
    """Tell whether a text says why a rule is overridden."""
    text = text.strip()
    return len(text) >= SHORTEST and sum(map(str.isalnum, text)) >= FEWEST_LETTERS


def may_override(actor: Actor, reason: str, field: str = "override_reason") -> bool:
    """Tell whether the actor overrides a rule: by role, and with a reason.

    Raises Invalid when the role may and the reason given is none. Another role is refused by the rule itself.
    """
    if not reason.strip() or not allowed(actor, "override"):
        return False
    if not is_reason(reason):
        raise Invalid([(field, WORDS)])
    return True
