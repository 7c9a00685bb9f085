"""A visit as a calendar shows it: a value that holds all of it and nothing else.

Two entries that are equal give the same bytes, so an entry is also the key under which its rendering is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from scheduler.domain.status import AppointmentStatus
from scheduler.ical.texts import BUSY, CALL, CANCELLED, line
from scheduler.models.appointment import Appointment
from scheduler.models.clinic import Clinic


class EventStatus(StrEnum):
    """STATUS of a VEVENT (RFC 5545, 3.8.1.11)."""

    CONFIRMED = "CONFIRMED"
    TENTATIVE = "TENTATIVE"
    CANCELLED = "CANCELLED"


class CalendarAppointment(Protocol):
    """What is asked of a visit: an Appointment, or a row with the same names."""

    @property
    def uid(self) -> str: ...
    @property
    def status(self) -> AppointmentStatus: ...
    @property
    def start_at(self) -> datetime: ...
    @property
    def end_at(self) -> datetime: ...
    @property
    def sequence(self) -> int: ...
    @property
    def changed_at(self) -> datetime: ...


class SiteDetails(Protocol):
    """What is asked of a site."""

    @property
    def name(self) -> str: ...
    @property
    def address(self) -> str: ...
    @property
    def phone(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Look:
    """How a calendar shows its visits; everything that is the same for all of them. `phone` says what it is for."""

    zone_name: str
    place: str = ""
    phone: str = ""
    url: str = ""
    language: str = "en"
    alarm_minutes: int | None = None
    private: bool = False
    called: str | None = None  # the clinic before an address; None: no address is shown


@dataclass(frozen=True, slots=True)
class Entry:
    """One VEVENT. Instants are in UTC; `changed_at` is the time of the last change that a calendar shows."""

    uid: str
    start: datetime
    end: datetime
    status: EventStatus
    sequence: int
    changed_at: datetime
    summary: str
    place: str = ""
    description: str = ""
    url: str = ""
    alarm_minutes: int | None = None
    category: str = ""
    private: bool = False


@dataclass(frozen=True, slots=True)
class Particulars:
    """What an entry says of its own visit; None is what the look says."""

    place: str | None = None
    url: str | None = None
    category: str = ""
    phone: str | None = None


NOTHING_OF_ITS_OWN = Particulars()


def look_of(clinic: Clinic, url: str = "", language: str = "en", alarm_minutes: int | None = None) -> Look:
    """Return the look of a patient's calendar, with as much of the clinic as it allows."""
    place = ", ".join(part for part in (called(clinic), clinic.address) if part)
    return Look(
        zone_name=clinic.zone_name,
        place=line(place) if clinic.settings.show_location else "",
        phone=_call(clinic.phone, language),
        url=url,
        language=language if language in CANCELLED else "en",
        alarm_minutes=alarm_minutes,
        private=clinic.settings.private_events,
        called=called(clinic) if clinic.settings.show_location else None,
    )


def at_site(look: Look, site: SiteDetails | None, category: str = "") -> Particulars:
    """Return what a patient's entry says of a site that has an address or a phone number of its own."""
    if site is None:
        return Particulars(category=category)
    place = ", ".join(part for part in (look.called, site.name, site.address) if part)
    return Particulars(
        place if site.address and look.called is not None else None,
        category=category,
        phone=_call(site.phone, look.language) if site.phone else None,
    )


def of_location(look: Look, visit: Appointment) -> Particulars:
    """Return what a patient's entry says of where the visit is."""
    return at_site(look, visit.location.site if visit.location is not None else None)


def _call(phone: str, language: str) -> str:
    words = CALL.get(language, CALL["en"])
    return words.format(phone=line(phone)) if phone else ""


def called(clinic: Clinic) -> str:
    """Return the name that leaves the clinic: the discreet one that its mails use, if it has one."""
    return clinic.settings.mail_name or clinic.name


def event_status(status: AppointmentStatus) -> EventStatus | None:
    """Return what a calendar says of a visit, or None for one that is in no calendar.

    A missed visit stays as it was. One entered in error is withdrawn like a canceled one.
    """
    if status is AppointmentStatus.PENDING:
        return EventStatus.TENTATIVE
    if status.is_in_calendars:
        return EventStatus.CONFIRMED
    if status.is_withdrawn:
        return EventStatus.CANCELLED
    return None


def entry(
    visit: CalendarAppointment,
    status: EventStatus,
    title: str,
    look: Look,
    own: Particulars = NOTHING_OF_ITS_OWN,
) -> Entry:
    """Return the entry of a visit under this title."""
    cancelled = status is EventStatus.CANCELLED
    title = line(title)
    return Entry(
        uid=visit.uid,
        start=visit.start_at,
        end=visit.end_at,
        status=status,
        sequence=visit.sequence,
        changed_at=visit.changed_at,
        summary=CANCELLED[look.language].format(title=title) if cancelled else title,
        place=line(own.place) if own.place is not None else look.place,
        description="" if cancelled else look.phone if own.phone is None else own.phone,
        url=own.url if own.url is not None else look.url,
        alarm_minutes=None if cancelled else look.alarm_minutes,
        category=line(own.category),
        private=look.private,
    )


def busy(visit: CalendarAppointment, look: Look) -> Entry:
    """Return what stands in for a visit that cannot be named: its time, and that it is taken."""
    return bare(entry(visit, event_status(visit.status) or EventStatus.TENTATIVE, "", look), look)


def bare(shown: Entry, look: Look) -> Entry:
    """Return the entry without a word of its own."""
    summary = BUSY[look.language]
    return Entry(
        shown.uid,
        shown.start,
        shown.end,
        shown.status,
        shown.sequence,
        shown.changed_at,
        summary,
        private=look.private,
    )
