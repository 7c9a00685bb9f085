"""One visit as an invitation or its withdrawal (iTIP, RFC 5546; in mail RFC 6047).

One object, one UID, one ATTENDEE: the person the mail goes to. ORGANIZER is the mail's From, or clients refuse the
update. A client takes a change only with a higher SEQUENCE and a newer DTSTAMP; both come from the visit.
"""

from __future__ import annotations

from dataclasses import replace
from email.utils import parseaddr
from enum import StrEnum
from functools import lru_cache

from icalendar import Event, vCalAddress, vText

from scheduler.ical.calendars import END, bare_calendar
from scheduler.ical.entries import EventStatus, entry, event_status, look_of, of_location
from scheduler.ical.events import event
from scheduler.ical.texts import line
from scheduler.ical.vtimezone import utc, vtimezone
from scheduler.models.appointment import Appointment
from scheduler.models.clinic import Clinic


class Method(StrEnum):
    """The METHOD of the calendar and of the mail part, which must be the same."""

    REQUEST = "REQUEST"
    CANCEL = "CANCEL"


def invitation(
    clinic: Clinic,
    appointment: Appointment,
    patient_address: str,
    organizer: str,
    method: Method | str,
    url: str = "",
    language: str = "en",
    *,
    answers_read: bool = True,
) -> bytes:
    """Return the visit as an iTIP message; `organizer` is the mail's From, "Clinic <desk@clinic.example>".

    An answer is asked for only where a program reads the answers, and never to a CANCEL.
    """
    method = Method(method)
    look = replace(look_of(clinic, url, language), alarm_minutes=None)
    cancelled = method is Method.CANCEL
    status = EventStatus.CANCELLED if cancelled else event_status(appointment.status)
    if status is None or (status is EventStatus.CANCELLED) is not cancelled:
        raise ValueError(f"a visit that is {appointment.status} cannot be sent as {method}")
    zone = vtimezone(clinic.zone_name, appointment.start_at.year)
    own = of_location(look, appointment)
    shown = entry(appointment, status, clinic.settings.label(look.language), look, own)
    component = event(shown, clinic.zone_name if zone else None)
    _address(component, organizer, patient_address, asks=answers_read and not cancelled)
    lines: bytes = component.to_ical()
    return b"".join([_head(method, clinic.zone_name, appointment.start_at.year), lines, END])


@lru_cache(maxsize=64)
def _head(method: Method, zone_name: str, since_year: int) -> bytes:
    """Return what stands before the visit, the same for all visits of a clinic in a year."""
    calendar = bare_calendar()
    calendar.add("method", method.value)
    calendar.add_component(vtimezone(zone_name, since_year) or utc())
    head: bytes = calendar.to_ical()
    return head.removesuffix(END)


def _address(component: Event, organizer: str, patient_address: str, *, asks: bool) -> None:
    name, address = parseaddr(organizer)
    sender = vCalAddress(f"mailto:{address}")
    if line(name):
        sender.params["CN"] = vText(line(name).replace('"', "'"))
    component.add("organizer", sender)
    invited = vCalAddress(f"mailto:{patient_address}")
    invited.params["CUTYPE"] = vText("INDIVIDUAL")
    invited.params["ROLE"] = vText("REQ-PARTICIPANT")
    invited.params["PARTSTAT"] = vText("NEEDS-ACTION")
    invited.params["RSVP"] = vText("TRUE" if asks else "FALSE")
    component.add("attendee", invited)
