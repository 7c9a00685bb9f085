"""What happened to a visit, and the events of the audit trail, in words that people use."""

from __future__ import annotations

from datetime import datetime

from flask import Flask

from scheduler.domain.status import STEP_HISTORY
from scheduler.models.appointment_event import AppointmentEvent
from scheduler.services.trail import audit_words
from scheduler.services.visit import visit_story
from scheduler.web.local import local_moment

WORDS = STEP_HISTORY | {
    "ask-to-move": "asked for another time",
    "book": "booked",
    "decline": "declined in a calendar",
    "driver": "gave driver's name",
    "expire": "hold expired",
    "import": "imported from a file",
    "merge": "record merged",
    "propose": "to be booked later",
    "protocol": "continued under another protocol",
    "record": "recorded from before the course",
    "reserve": "time held",
    "resume": "resumed",
    "unbook": "booking undone",
    "undo": "last step undone",
    "zone-rules": "kept its local time after a time zone change",
    "zone-hour": "new local time agreed after a time zone change",
}


def register(app: Flask) -> None:
    """Add the filters."""
    app.add_template_filter(history_words)
    app.add_template_filter(audit_words.words, "event_words")
    app.add_template_filter(visit_story.reason_field)


def history_words(event: AppointmentEvent) -> str:
    """Return what happened; for a move also from when, for a stage which one.

    What changed is gone from the history of a record that was made anonymous.
    """
    if event.kind == "stage" and event.changes:
        return str(event.changes["stage"][1] or WORDS["check-in"])
    if event.kind == "reschedule" and "start" in event.changes:
        return _moved(event.changes["start"], event.changes.get("location"))
    kind, _, what = event.kind.partition(":")
    if what:
        return f"{kind.replace('-', ' ')}: {what.replace('-', ' ')}"
    words = WORDS.get(event.kind, event.kind.replace("-", " "))
    words += ", entered after the day" if "late" in event.changes else ""
    words += ", to be skipped" if event.changes.get("course_effect", [None, None])[1] == "skip" else ""
    words += ", without notifying the patient" if "notify" in event.changes else ""
    return words + (", with an override" if "override" in event.changes else "")


def _moved(start: list[str], place: list[str] | None) -> str:
    old, new = start
    if old != new:
        was = datetime.fromisoformat(old)
        return f"moved from {local_moment(was)}"
    return f"moved from {place[0]} to {place[1]}" if place else "moved to other staff"
