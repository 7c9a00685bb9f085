"""VCALENDARs: the body of a feed, and a course as a file.

Neither has a METHOD: PUBLISH would demand an ORGANIZER, and a mail with several visits must not look like an
invitation. Events stand in order of start and uid, so the same state gives the same bytes. Calendar() is used rather
than Calendar.new(), which adds a random UID.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import TypeVar

from icalendar import Calendar, vText

from scheduler.ical.entries import CalendarAppointment, Entry, Look, bare, busy, entry, event_status, look_of
from scheduler.ical.events import rendered
from scheduler.ical.texts import line
from scheduler.ical.vtimezone import utc, vtimezone
from scheduler.models.appointment import Appointment
from scheduler.models.clinic import Clinic

SERIALISER = 3  # raise it whenever the bytes of an unchanged calendar would change
PRODUCT = "-//Seriate//Seriate 1.0//EN"
REFRESH = timedelta(hours=1)
END = b"END:VCALENDAR\r\n"

log = logging.getLogger(__name__)
V = TypeVar("V", bound=CalendarAppointment)


def feed_calendar(name: str, look: Look, entries: Sequence[Entry], since_year: int) -> bytes:
    """Return the body of a subscription; `since_year` is that of the earliest visit it may show."""
    calendar = bare_calendar()
    # the library knows neither as text, and would leave commas as they are
    for known_as in ("name", "x-wr-calname"):
        calendar.add(known_as, vText(line(name)), encode=False)
    calendar.add("color", "teal")
    calendar.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", "PT1H")  # the library writes an unknown name as text
    return joined(calendar, look, entries, since_year)


def course_calendar(
    clinic: Clinic, appointments: Iterable[Appointment], url: str = "", language: str = "en"
) -> bytes:
    """Return visits as a file to open or attach; those that are in no calendar are left out."""
    look = look_of(clinic, url, language)
    label = clinic.settings.label(look.language)
    entries = shown(appointments, lambda _: label, look)
    return joined(bare_calendar(), look, entries, first_year(entries))


def bare_calendar() -> Calendar:
    """Return a VCALENDAR with what each must have."""
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    return calendar


def shown(
    visits: Iterable[V], title: Callable[[V], str], look: Look, place: Callable[[V], str] | None = None
) -> list[Entry]:
    """Return the entries of the visits that a calendar shows; one that cannot be named becomes "Busy"."""
    made = []
    for visit in visits:
        status = event_status(visit.status)
        if status is None:
            continue
        try:
            made.append(entry(visit, status, title(visit), look, place(visit) if place else None))
        except Exception:
            # whatever it is, the other visits of this calendar must still be seen
            log.exception("visit %s is shown as busy", visit.uid)
            made.append(busy(visit, look))
    return made


def joined(calendar: Calendar, look: Look, entries: Sequence[Entry], since_year: int) -> bytes:
    """Return the calendar's bytes with its zone and its entries, in order of start and uid."""
    component = vtimezone(look.zone_name, since_year)
    calendar.add_component(component or utc())
    tzid = look.zone_name if component else None
    head = calendar.to_ical().removesuffix(END)
    ordered = sorted(entries, key=lambda each: (each.start, each.uid))
    return b"".join([head, *(_lines(each, tzid, look) for each in ordered), END])


def _lines(shown_as: Entry, tzid: str | None, look: Look) -> bytes:
    try:
        return rendered(shown_as, tzid)
    except Exception:
        log.exception("visit %s is shown as busy", shown_as.uid)
        return rendered(bare(shown_as, look), None)


def first_year(entries: Sequence[Entry]) -> int:
    return min((each.start.year for each in entries), default=1970)
