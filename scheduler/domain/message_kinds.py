"""The kinds of messages, and the words for each wherever a person reads of one."""

from __future__ import annotations

from enum import StrEnum


class MessageKind(StrEnum):
    CONFIRMATION = "confirmation"
    CHANGE = "change"
    CANCELLATION = "cancellation"
    REMINDER = "reminder"
    REQUIREMENT_MISSING = "requirement-missing"
    DRIVER = "driver"
    BOOSTER = "booster"
    CHECK_IN = "check-in"
    LINK = "link"
    REQUEST_ANSWER = "request-answer"
    PROPOSAL = "proposal"
    ADDRESS = "address"
    DIGEST = "digest"
    NOTICE = "notice"
    ACCOUNT = "account"

    @property
    def words(self) -> str:
        return _WORDS[self]

    @property
    def words_inside(self) -> str:
        """The words within a sentence."""
        return self.words[0].lower() + self.words[1:]


_K = MessageKind
_WORDS = {
    _K.CONFIRMATION: "Confirmation",
    _K.CHANGE: "Change",
    _K.CANCELLATION: "Cancellation",
    _K.REMINDER: "Reminder",
    _K.REQUIREMENT_MISSING: "Missing items",
    _K.DRIVER: "Driver request",
    _K.BOOSTER: "Booster due",
    _K.CHECK_IN: "Check-in questions",
    _K.LINK: "New link",
    _K.REQUEST_ANSWER: "Answer to a request",
    _K.PROPOSAL: "Proposed appointments",
    _K.ADDRESS: "Change of address",
    _K.DIGEST: "Daily email to the front desk",
    _K.NOTICE: "Alert to the front desk",
    _K.ACCOUNT: "Password reset link",
}
