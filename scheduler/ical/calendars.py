"""VCALENDARs: the body of a feed, and a course as a file.

Neither has a METHOD: PUBLISH would demand an ORGANIZER, and a mail with several visits must not look like an
invitation. Events stand in order of start and uid, so the same state gives the same bytes. Calendar() is used rather
than Calendar.new(), which adds a random UID.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from icalendar import Calendar, vText

from scheduler.ical.entries import (
    NOTHING_OF_ITS_OWN,
    CalendarAppointment,
    Entry,
    Look,
    Particulars,
    bare,
    busy,
    entry,
    event_status,
    look_of,
    of_location,
)
from scheduler.ical.events import rendered
from scheduler.ical.texts import line
from scheduler.ical.vtimezone import utc, vtimezone
from scheduler.models.appointment import Appointment
from scheduler.models.clinic import Clinic

SERIALISER = 4  # raise it whenever the bytes of an unchanged calendar would change
PRODUCT = "-//Seriate//Seriate 1.0//EN"
REFRESH = timedelta(hours=1)
END = b"END:VCALENDAR\r\n"

log = logging.getLogger(__name__)
V = TypeVar("V", bound=CalendarAppointment)
Lines = tuple[datetime, str, bytes]  # start, uid, and the lines of a VEVENT


def feed_calendar(name: str, look: Look, entries: Sequence[Entry], since_year: int) -> bytes:
    """Return the body of a subscription; `since_year` is that of the earliest visit it may show."""
    tzid = written_zone(look.zone_name, since_year)
    return feed_of_lines(name, look, [lines_of(each, tzid, look) for each in entries], since_year)


def feed_of_lines(name: str, look: Look, lines: Sequence[Lines], since_year: int) -> bytes:
    """Return the body of a subscription whose events are written already."""
    calendar = bare_calendar()
    # the library knows neither as text, and would leave commas as they are
    for known_as in ("name", "x-wr-calname"):
        calendar.add(known_as, vText(line(name)), encode=False)
    calendar.add("color", "teal")
    calendar.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", "PT1H")  # the library writes an unknown name as text
    if written_zone(look.zone_name, since_year) is None:
        calendar.add(
            "x-wr-timezone", look.zone_name
        )  # all times are in UTC: the zone that they are meant for
    return joined(calendar, look, lines, since_year)


def course_calendar(
    clinic: Clinic, appointments: Iterable[Appointment], url: str = "", language: str = "en"
) -> bytes:
    """Return visits as a file to open or attach; those that are in no calendar are left out."""
    look = look_of(clinic, url, language)
    label = clinic.settings.label(look.language)
    entries = shown(appointments, lambda _: label, look, lambda visit: of_location(look, visit))
    since_year = first_year(entries)
    tzid = written_zone(look.zone_name, since_year)
    return joined(bare_calendar(), look, [lines_of(each, tzid, look) for each in entries], since_year)


def bare_calendar() -> Calendar:
    """Return a VCALENDAR with what each must have."""
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    return calendar


def shown(
    visits: Iterable[V],
    title: Callable[[V], str],
    look: Look,
    own: Callable[[V], Particulars] = lambda _: NOTHING_OF_ITS_OWN,
) -> list[Entry]:
    """Return the entries of the visits that a calendar shows; one that cannot be named becomes "Busy"."""
    made = []
    for visit in visits:
        status = event_status(visit.status)
        if status is None:
            continue
        try:
            made.append(entry(visit, status, title(visit), look, own(visit)))
        except Exception:
            # the other visits of this calendar must still be shown
            log.exception("visit %s is shown as busy", visit.uid)
            made.append(busy(visit, look))
    return made


def written_zone(zone_name: str, since_year: int) -> str | None:
    """Return the zone that events of a calendar name, None where their times are in UTC."""
    return zone_name if vtimezone(zone_name, since_year) else None


def joined(calendar: Calendar, look: Look, lines: Sequence[Lines], since_year: int) -> bytes:
    """Return the calendar's bytes with its zone and its events, in order of start and uid."""
    calendar.add_component(vtimezone(look.zone_name, since_year) or utc())
    head = calendar.to_ical().removesuffix(END)
    return b"".join([head, *(content for _, _, content in sorted(lines)), END])


def lines_of(shown_as: Entry, tzid: str | None, look: Look) -> Lines:
    """Return an entry's lines behind what they are sorted by."""
    try:
        content = rendered(shown_as, tzid)
    except Exception:
        log.exception("visit %s is shown as busy", shown_as.uid)
        content = rendered(bare(shown_as, look), None)
    return shown_as.start, shown_as.uid, content


def first_year(entries: Sequence[Entry]) -> int:
    return min((each.start.year for each in entries), default=1970)
