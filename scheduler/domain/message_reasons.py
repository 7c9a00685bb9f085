"""Why a message or reminder is in its state, and why sending is on hold: codes for programs, words for people.

Code decides by the code. The words are written beside it in the row and may be changed here at any time.
"""

from __future__ import annotations

from enum import StrEnum

LONGEST = 200  # characters of a reason in the database


class MessageReason(StrEnum):
    NONE = ""
    # skipped
    NO_ADDRESS = "no-address"
    BAD_ADDRESS = "bad-address"
    OPTED_OUT = "opted-out"
    DAILY_LIMIT = "daily-limit"
    NEWER_REMINDER = "newer-reminder"
    BOOKED_LATE = "booked-late"
    RULE_LATE = "rule-late"
    DEMO = "demo"
    DECEASED = "deceased"
    LEFT = "left"
    DISPLACED = "displaced"
    SAME_ADDRESS = "same-address"
    ANNOUNCED = "announced"
    NOT_RECORDED = "not-recorded"
    # void
    NOTHING_MISSING = "nothing-missing"
    NOT_ASKED = "not-asked"
    RULE_REMOVED = "rule-removed"
    MOVED = "moved"
    CANCELED = "canceled"
    BOOKED = "booked"
    MISSED = "missed"
    VISIT_CHANGED = "visit-changed"
    CHANGED_UNSENT = "changed-unsent"
    IMPORTED = "imported"
    ERASED = "erased"
    # failed
    DUE_TOO_LATE = "due-too-late"
    SENT_TOO_LATE = "sent-too-late"
    NOT_ACCEPTED = "not-accepted"
    ADDRESS_REFUSED = "address-refused"
    CONTENT_REFUSED = "content-refused"
    REFUSED = "refused"
    BOUNCED = "bounced"
    # pending again
    SERVER_TROUBLE = "server-trouble"
    NOT_COMPOSED = "not-composed"
    SENDER_STOPPED = "sender-stopped"
    RESENT = "resent"
    RELEASED = "released"
    # uncertain
    UNCLEAR = "unclear"
    RESTORED = "restored"
    DISCARDED = "discarded"

    def words(self, detail: str = "") -> str:
        """Return what people read. The detail stands where the words have a gap for it, or else after them."""
        words = _WORDS[self]
        if "{}" in words:
            words = words.format(detail)
        elif detail:
            words = f"{words}; {detail}"
        return words[:LONGEST]

    @property
    def needs_call(self) -> bool:
        """Nothing was sent, and staff must call the patient instead."""
        return self in NEEDS_CALL


class HoldReason(StrEnum):
    """Why all sending waits until a person agrees."""

    NONE = ""
    CLOCK_JUMPED = "clock-jumped"
    RESTORE_UNFINISHED = "restore-unfinished"
    RESTORED = "restored"

    def words(self, detail: str = "") -> str:
        return _HOLD_WORDS[self].format(detail)


_R = MessageReason
NEEDS_CALL = frozenset({_R.NO_ADDRESS, _R.BAD_ADDRESS, _R.OPTED_OUT, _R.DAILY_LIMIT, _R.DISPLACED})
_WORDS = {
    _R.NONE: "",
    _R.NO_ADDRESS: "no email address",
    _R.BAD_ADDRESS: "the email address does not work",
    _R.OPTED_OUT: "opted out of reminders",
    _R.DAILY_LIMIT: "limit of {} reminders in 24 hours reached",
    _R.NEWER_REMINDER: "replaced by a later reminder",
    _R.BOOKED_LATE: "booked too late for this reminder",
    _R.RULE_LATE: "rule added too late for this reminder",
    _R.DEMO: "demo history",
    _R.DECEASED: "the patient has died",
    _R.LEFT: "the patient has left the clinic",
    _R.DISPLACED: "the visit is affected by a closure or an absence",
    _R.SAME_ADDRESS: "the patient has the same address",
    _R.ANNOUNCED: "covered by an email about a change of this visit",
    _R.NOT_RECORDED: "the visit was not recorded as attended in time",
    _R.NOT_ASKED: "no questions are asked after this kind of visit",
    _R.NOTHING_MISSING: "nothing is missing anymore",
    _R.RULE_REMOVED: "rule was removed",
    _R.MOVED: "moved",
    _R.CANCELED: "canceled",
    _R.BOOKED: "booked",
    _R.MISSED: "patient did not come",
    _R.VISIT_CHANGED: "the visit has changed",
    _R.CHANGED_UNSENT: "visit or address changed before sending",
    _R.IMPORTED: "patient was informed before the import",
    _R.ERASED: "record was anonymized",
    _R.DUE_TOO_LATE: "too late to be useful",
    _R.SENT_TOO_LATE: "too late: not accepted by the mail server in time",
    _R.NOT_ACCEPTED: "failed: not accepted in time ({})",
    _R.ADDRESS_REFUSED: "failed: address ({})",
    _R.CONTENT_REFUSED: "failed: content ({})",
    _R.REFUSED: "failed: refused ({})",
    _R.BOUNCED: "bounced: {}",
    _R.SERVER_TROUBLE: "{}",
    _R.NOT_COMPOSED: "cannot be composed: {}",
    _R.SENDER_STOPPED: "sending was interrupted",
    _R.RESENT: "sent again: delivery of the first try is unknown",
    _R.RELEASED: "sent again by the front desk",
    _R.UNCLEAR: "delivery unknown: the email may have arrived",
    _R.RESTORED: "restored from a backup: may already have been sent",
    _R.DISCARDED: "marked as delivered by the front desk",
}
_HOLD_WORDS = {
    HoldReason.NONE: "",
    HoldReason.CLOCK_JUMPED: ("the server clock jumped by {} hours; check it, then run `flask clock agree`"),
    HoldReason.RESTORE_UNFINISHED: (
        "a restore was interrupted; run `flask restore` with the same file again"
    ),
    HoldReason.RESTORED: (
        "restored from the backup of {}; check the messages with unknown delivery, then run `flask clock agree`"
    ),
}
