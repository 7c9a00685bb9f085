"""What a record says of a person beside names: administrative sex as FHIR codes it, and how a call ended."""

from __future__ import annotations

from enum import StrEnum


class AdministrativeSex(StrEnum):
    """FHIR's administrative gender, as recorded for insurance and identification."""

    FEMALE = "female"
    MALE = "male"
    OTHER = "other"
    UNKNOWN = "unknown"


class CallOutcome(StrEnum):
    REACHED = "reached"
    MESSAGE_LEFT = "message-left"
    NO_ANSWER = "no-answer"
    WRONG_NUMBER = "wrong-number"

    @property
    def words(self) -> str:
        return _WORDS[self]

    @property
    def informs(self) -> bool:
        """The patient knows what the call was about, or can: no one needs to call again."""
        return self in (CallOutcome.REACHED, CallOutcome.MESSAGE_LEFT)


_WORDS = {
    CallOutcome.REACHED: "Reached",
    CallOutcome.MESSAGE_LEFT: "Left a message",
    CallOutcome.NO_ANSWER: "No answer",
    CallOutcome.WRONG_NUMBER: "Wrong number",
}
