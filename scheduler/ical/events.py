"""An entry as VEVENT.

The library folds each line with care and takes a quarter of a millisecond an event, most of it there; so the bytes of
an entry are kept, and a feed is the join of its events. Component and Event() are used rather than Event.new(), which
invents a UID and a DTSTAMP.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from icalendar import Alarm, Event

from scheduler.ical.entries import Entry, EventStatus

KEPT_EVENTS = 20_000  # about a kilobyte each


def event(entry: Entry, zone_name: str | None) -> Event:
    """Return the component. Without a zone name, or at an hour that comes twice, its times are in UTC."""
    zone = ZoneInfo(zone_name) if zone_name else None
    if zone and (_twice(entry.start, zone) or _twice(entry.end, zone)):
        zone = None
    component = Event()
    component.add("uid", entry.uid)
    component.add("dtstamp", entry.changed_at)
    component.add("last-modified", entry.changed_at)
    component.add("sequence", entry.sequence)
    component.add("dtstart", entry.start.astimezone(zone) if zone else entry.start)
    component.add("dtend", entry.end.astimezone(zone) if zone else entry.end)
    component.add("summary", entry.summary)
    component.add("status", entry.status.value)
    component.add("transp", "TRANSPARENT" if entry.status is EventStatus.CANCELLED else "OPAQUE")
    component.add("class", "PRIVATE" if entry.private else "PUBLIC")
    if entry.category:
        component.add("categories", [entry.category])
    for name, text in (("location", entry.place), ("description", entry.description), ("url", entry.url)):
        if text:
            component.add(name, text)
    if entry.alarm_minutes is not None:
        component.add_component(_alarm(entry, entry.alarm_minutes))
    return component


@lru_cache(maxsize=KEPT_EVENTS)
def rendered(entry: Entry, zone_name: str | None) -> bytes:
    """Return the entry's lines, from BEGIN:VEVENT to END:VEVENT and its line end."""
    lines: bytes = event(entry, zone_name).to_ical()
    return lines


def _alarm(entry: Entry, minutes: int) -> Alarm:
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", entry.summary)
    alarm.add("trigger", timedelta(minutes=-minutes))
    return alarm


def _twice(instant: datetime, zone: ZoneInfo) -> bool:
    """Tell whether the wall clock shows this time twice: readers differ on which one a TZID means."""
    local = instant.astimezone(zone)
    return local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
