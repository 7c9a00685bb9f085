"""A feed's calendar: its visits under the titles that its style allows.

Writing a VEVENT takes a quarter of a millisecond, so the lines of each visit are kept by its row: a feed of thousands
in which one visit has changed writes that one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from sqlalchemy.orm import Session

from scheduler.ical.calendars import Lines, feed_of_lines, lines_of, shown, written_zone
from scheduler.ical.entries import Entry, Look, Particulars, at_site, called, look_of
from scheduler.ical.texts import initials, kind
from scheduler.models.calendar_feed import CalendarFeed, TitleStyle
from scheduler.models.clinic import Clinic
from scheduler.services.feed.feed_rows import MOST_EVENTS, FeedVisit, Whose, left, owner, span, visits

KEPT_ROWS = (
    4 * MOST_EVENTS
)  # about a kilobyte each; more than the largest feed, or reading it in order finds nothing


@dataclass(frozen=True, slots=True)
class Style:
    """How a feed shows each of its visits."""

    titles: TitleStyle
    label: str
    look: Look
    tzid: str | None
    staff_url: str = ""  # of the pages of visits, where the feed is for staff

    def title(self, visit: FeedVisit) -> str:
        if self.titles is TitleStyle.KIND:
            return kind(visit.title, visit.position, visit.series_length)
        if self.titles is TitleStyle.INITIALS:
            return initials(visit.given_name, visit.family_name, visit.patient_id)
        return self.label

    def particulars(self, visit: FeedVisit) -> Particulars:
        """Return what is said of the visit beside its title; its kind only where the titles say it too."""
        category = visit.title if self.titles is TitleStyle.KIND else ""
        if not self.staff_url:
            return at_site(self.look, visit.site, category)
        return Particulars(visit.place or "", f"{self.staff_url}/{visit.public_id}", category)


def calendar(session: Session, feed: CalendarFeed, public_url: str, now: datetime) -> bytes:
    """Return the feed's body on this day of the clinic."""
    clinic, whose = session.get_one(Clinic, feed.clinic_id), owner(session, feed)
    name = f"{called(clinic)}: {whose.name}" if whose.name else called(clinic)
    style, since_year = _style(feed, clinic, whose, public_url, now), _since_year(feed, clinic, whose, now)
    lines = [one for visit in _visits(session, feed, clinic, whose, now) if (one := _lines(visit, style))]
    return feed_of_lines(name, style.look, lines, since_year)


def events(session: Session, feed: CalendarFeed, public_url: str, now: datetime) -> list[Entry]:
    """Return what the feed shows on this day of the clinic, unordered."""
    clinic, whose = session.get_one(Clinic, feed.clinic_id), owner(session, feed)
    return _entries(_visits(session, feed, clinic, whose, now), _style(feed, clinic, whose, public_url, now))


def _visits(
    session: Session, feed: CalendarFeed, clinic: Clinic, whose: Whose, now: datetime
) -> list[FeedVisit]:
    shows = span(feed, clinic, whose, now)
    return visits(session, clinic, whose, shows) + left(session, clinic, whose, shows)


@lru_cache(maxsize=KEPT_ROWS)
def _lines(visit: FeedVisit, style: Style) -> Lines | None:
    """Return the lines of a visit, None for one that is in no calendar."""
    entries = _entries([visit], style)
    return lines_of(entries[0], style.tzid, style.look) if entries else None


def _entries(found: Sequence[FeedVisit], style: Style) -> list[Entry]:
    return shown(found, style.title, style.look, style.particulars)


def _style(feed: CalendarFeed, clinic: Clinic, whose: Whose, public_url: str, now: datetime) -> Style:
    return _kept(_style_of(feed, clinic, whose, public_url, now))


@lru_cache(maxsize=256)
def _kept(style: Style) -> Style:
    """Return the style that is equal: looking up the lines of a visit is quicker by the same object."""
    return style


def _style_of(feed: CalendarFeed, clinic: Clinic, whose: Whose, public_url: str, now: datetime) -> Style:
    tzid = written_zone(clinic.zone_name, _since_year(feed, clinic, whose, now))
    if whose.patient is not None:
        look = look_of(clinic, f"{public_url}/visits", whose.patient.language, feed.alarm_minutes)
        return Style(feed.title_style, clinic.settings.label(look.language), look, tzid)
    look = Look(clinic.zone_name, alarm_minutes=feed.alarm_minutes, private=clinic.settings.private_events)
    label = clinic.settings.label(look.language)
    return Style(feed.title_style, label, look, tzid, f"{public_url}/appointments")


def _since_year(feed: CalendarFeed, clinic: Clinic, whose: Whose, now: datetime) -> int:
    return span(feed, clinic, whose, now).start.year
