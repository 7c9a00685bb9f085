"""The kinds of messages, the words for each wherever a person reads of one, and what follows from the kind.

A new kind belongs to the sets it fits; tests/domain/test_message_kinds.py asks each kind about every set.
"""

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
    OFFER = "offer"
    ADDRESS = "address"
    DIGEST = "digest"
    FIGURES = "figures"
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
TO_STAFF = frozenset({_K.ACCOUNT, _K.DIGEST, _K.FIGURES, _K.NOTICE})
# they say that a visit takes place, when, or that it does not; what must be said next follows from the last of them
ANNOUNCING = frozenset({_K.CONFIRMATION, _K.CHANGE, _K.CANCELLATION})
# these stop when the patient wants no reminders, and say how to stop them
REMINDING = frozenset({_K.REMINDER, _K.REQUIREMENT_MISSING, _K.DRIVER, _K.CHECK_IN, _K.BOOSTER})
BEFORE_A_VISIT = frozenset({_K.REMINDER, _K.REQUIREMENT_MISSING, _K.DRIVER})  # not sent while it is displaced
# a clinic may reword them: none carries the key to an account or warns of a change of address
REWORDABLE = ANNOUNCING | REMINDING | {_K.LINK, _K.PROPOSAL, _K.OFFER, _K.DIGEST, _K.FIGURES, _K.NOTICE}
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
    _K.OFFER: "Offer of an earlier time",
    _K.ADDRESS: "Change of address",
    _K.DIGEST: "Daily email to the front desk",
    _K.FIGURES: "Weekly email to managers",
    _K.NOTICE: "Alert to the front desk",
    _K.ACCOUNT: "Password reset link",
}
