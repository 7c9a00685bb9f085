"""A feed's calendar: its visits under the titles that its style allows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from scheduler.ical import feed_calendar
from scheduler.ical.calendars import shown
from scheduler.ical.entries import Entry, Look, called, look_of
from scheduler.ical.texts import initials, kind
from scheduler.models.calendar_feed import CalendarFeed, TitleStyle
from scheduler.models.clinic import Clinic
from scheduler.services.feed.feed_rows import FeedVisit, Whose, left, owner, span, visits


def calendar(session: Session, feed: CalendarFeed, public_url: str, now: datetime) -> bytes:
    """Return the feed's body on this day of the clinic."""
    clinic, whose = session.get_one(Clinic, feed.clinic_id), owner(session, feed)
    name = f"{called(clinic)}: {whose.name}" if whose.name else called(clinic)
    entries = _entries(session, feed, clinic, whose, public_url, now)
    since_year = span(feed, clinic, whose, now).start.year
    return feed_calendar(name, _look(feed, clinic, whose, public_url), entries, since_year)


def events(session: Session, feed: CalendarFeed, public_url: str, now: datetime) -> list[Entry]:
    """Return what the feed shows on this day of the clinic, unordered."""
    clinic = session.get_one(Clinic, feed.clinic_id)
    return _entries(session, feed, clinic, owner(session, feed), public_url, now)


def _entries(
    session: Session, feed: CalendarFeed, clinic: Clinic, whose: Whose, public_url: str, now: datetime
) -> list[Entry]:
    shows = span(feed, clinic, whose, now)
    found = visits(session, clinic, whose, shows) + left(session, clinic, whose, shows)
    look = _look(feed, clinic, whose, public_url)
    title = Title(feed.title_style, clinic.settings.label(look.language))
    place = None if whose.patient is not None else _place
    return shown(found, title, look, place)


@dataclass(frozen=True, slots=True)
class Title:
    """What a feed calls a visit."""

    style: TitleStyle
    label: str

    def __call__(self, visit: FeedVisit) -> str:
        if self.style is TitleStyle.KIND:
            return kind(visit.title, visit.position, visit.series_length)
        if self.style is TitleStyle.INITIALS:
            return initials(visit.given_name, visit.family_name, visit.patient_id)
        return self.label


def _look(feed: CalendarFeed, clinic: Clinic, whose: Whose, public_url: str) -> Look:
    if whose.patient is None:
        return Look(clinic.zone_name, alarm_minutes=feed.alarm_minutes)
    return look_of(clinic, f"{public_url}/visits", whose.patient.language, feed.alarm_minutes)


def _place(visit: FeedVisit) -> str:
    return visit.place or ""
