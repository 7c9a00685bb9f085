"""Refusals that say why.

Every refusal has a stable `code` (others hold on to it), the HTTP status that fits, words for a person, and details by
name: `errors` (field and reason), `conflicts`, `reasons`, `violations`, `suggestions`. One handler per interface turns
a refusal into a page or a problem document (RFC 9457). Raising one writes nothing: services flush, interfaces commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class Refusal(Exception):
    """The base of all refusals."""

    code = "refused"
    status = 409
    title = "This cannot be done"

    def __init__(self, words: str = "", **details: Any) -> None:
        self.words = words or self.title
        self.details = details
        super().__init__(self.words)


class NotFound(Refusal):
    """No such object here. Objects of other clinics answer the same."""

    code, status, title = "not-found", 404, "Not found"


class Forbidden(Refusal):
    """The person's role does not allow it."""

    code, status, title = "forbidden", 403, "Your role does not allow this"


class Invalid(Refusal):
    """Bad input: `errors` is a list of {field, reason}."""

    code, status, title = "invalid", 422, "Please check the entries"

    def __init__(self, errors: Sequence[tuple[str, str]]) -> None:
        listed = [{"field": field, "reason": reason} for field, reason in errors]
        super().__init__("; ".join(f"{field}: {reason}" for field, reason in errors), errors=listed)


class SlotTaken(Refusal):
    """The calendar has changed: `conflicts` lists {action, resource, start, end}."""

    code, title = "slot-taken", "That time has just been taken"


class NoFitFound(Refusal):
    """No placement keeps every rule: `reasons` and `suggestions` say why and what would help."""

    code, title = "no-fit", "No times available"


class RuleBroken(Refusal):
    """The visits break rules: `violations` lists {action, rule, words, hard}."""

    code, status, title = "rule-broken", 422, "Outside the protocol's spacing"


class ProposalExpired(Refusal):
    """The proposal's time is over, or it was made for someone or something else."""

    code, title = "proposal-expired", "This option is no longer valid; search again"


class StalePreview(Refusal):
    """Applying the change would now move something else than the preview said."""

    code, title = "stale-preview", "The calendar has changed since the preview"


class Stale(Refusal):
    """Someone changed the object meanwhile: `changes` says who and what."""

    code, status, title = "stale", 412, "This was just changed by another user"


class RequirementOpen(Refusal):
    """A requirement blocks the visit: `requirements` lists {key, title, why, completed_by}; `next` says what to do."""

    code, title = "requirement-open", "Requirements are not complete"

    def __init__(self, requirements: Sequence[dict[str, Any]], next: str) -> None:
        self.next = next
        whys = "; ".join(str(requirement["why"]) for requirement in requirements)
        super().__init__(f"{whys}. {next}" if whys else next, requirements=list(requirements))


class StepMissing(Refusal):
    """An earlier visit of the course was canceled or missed: `steps` lists {id, action, title, status}."""

    code, title = "step-missing", "An earlier visit of the course is missing"


class WrongStatus(Refusal):
    """The object's status does not allow the step."""

    code, title = "wrong-status", "This step isn't possible in the current status"


class WrongDay(Refusal):
    """The step is recorded on another day: `day` is the visit's; `overridable` tells whether a reason would help."""

    code, title = "wrong-day", "This can't be recorded today"


class KeyReused(Refusal):
    """An idempotency key came back with another body."""

    code, status, title = "idempotency-key-reused", 422, "This Idempotency-Key was used with another request"


class KeyInFlight(Refusal):
    """The first request with this idempotency key has not ended yet."""

    code, title = "idempotency-key-in-flight", "The first request with this Idempotency-Key is still running"


class LinkOver(Refusal):
    """A link from a mail that is too old, was used already, or is not ours."""

    code, status, title = "link-over", 410, "This link is no longer valid; request a new one"


class RecordErased(Refusal):
    """The patient's record was erased; nothing about the patient is kept or written again."""

    code, status, title = "record-erased", 410, "This patient's record was anonymized"
