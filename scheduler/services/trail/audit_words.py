"""The events of the audit trail in words that someone reads who does not know their names."""

from __future__ import annotations

LIST = "List"  # the object type of a list that showed patients
LISTED = "patients.listed"
THINGS = {
    "access": "Access",
    "appointment": "Visit",
    "appointments": "Visits",
    "audit": "Audit trail",
    "care-plan": "Course",
    "check-in": "Next-day check-in",
    "clinic": "Clinic's settings",
    "closure": "Closure",
    "database": "Database",
    "driver": "Driver",
    "feed": "Calendar link",
    "requirement": "Requirement",
    "location": "Chair or room",
    "membership": "Role",
    "message": "Message",
    "messages": "Messages",
    "patient": "Patient's record",
    "patients": "Patients",
    "plan-definition": "Protocol",
    "private-link": "Private link",
    "private-links": "Private links",
    "practitioner": "Staff member",
    "request": "Patient's request",
    "schedule": "Hours",
    "sending": "Sending",
    "site": "Site",
    "task": "Task",
    "token": "API token",
    "user": "Account",
}


def words(event: str) -> str:
    """Return an event's name in words: "appointment.made-up" is "Visit: made up"."""
    thing, _, verb = event.partition(".")
    return f"{THINGS.get(thing, thing.replace('-', ' ').capitalize())}: {verb.replace('-', ' ')}"
