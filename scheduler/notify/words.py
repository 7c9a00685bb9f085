"""Dates and times as people read them in mails and on patients' pages, always with the zone's name.

Written out with the weekday, because 03/04 is two different days on two sides of an ocean. Which clock is used follows
the clinic's locale and its switch for 24-hour times (domain/formats.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from scheduler.domain.formats import Formats
from scheduler.domain.localtime import to_local

LANGUAGES = ("en", "es")
ZONE = {"en": "{city} time, {name}", "es": "hora de {city}, {name}"}
ON = {"en": "{time} on {day}", "es": "{time} del {day}"}
UNTIL = {"en": "{start} to {end}", "es": "{start} a {end}"}


OF = {"en": "of", "es": "de"}


@dataclass(frozen=True, slots=True)
class Tongue:
    """The language, zone and formats in which a mail speaks."""

    language: str
    zone: ZoneInfo
    formats: Formats

    def day(self, instant: datetime) -> str:
        """Return such as "Monday, November 30, 2026"."""
        return self.formats.long(to_local(instant, self.zone))

    def time(self, instant: datetime) -> str:
        return self.formats.time(to_local(instant, self.zone))

    def times(self, start: datetime, end: datetime) -> str:
        return UNTIL[self.language].format(start=self.time(start), end=self.time(end))

    def time_for(self, at: datetime, visit_start: datetime) -> str:
        """Return a time that belongs to a visit: with its day where that is not the visit's."""
        time, day = self.time(at), self.day(at)
        return time if day == self.day(visit_start) else ON[self.language].format(time=time, day=day)

    def preparation(self, text: str, at: datetime | None, visit_start: datetime) -> str:
        """Return a line of a preparation with its time in the place of {time}; the Spanish "p.m." may end it."""
        return (
            text
            if at is None
            else text.replace("{time}", self.time_for(at, visit_start)).replace("m..", "m.")
        )

    def visit_type(self, title: str, position: int | None, series_length: int | None) -> str:
        """Return such as "Infusion 3 of 6", or the title alone for a visit of no series."""
        return (
            f"{title} {position} {OF[self.language]} {series_length}" if position and series_length else title
        )

    def zone_of(self, instant: datetime) -> str:
        """Return the zone as people say it, with what its clocks show on that day: "New York time, EST"."""
        name = instant.astimezone(self.zone).tzname() or "UTC"
        if name[0] in "+-":
            name = f"UTC{name[:3]}:{name[3:] or '00'}"
        return ZONE[self.language].format(city=self.formats.city(self.zone.key), name=name)


def tongue(language: str, zone: ZoneInfo, formats: Formats) -> Tongue:
    """Return the patient's language if mails exist in it, else English, with the forms of the clinic's country."""
    short = language.partition("-")[0].lower()
    spoken = short if short in LANGUAGES else "en"
    return Tongue(spoken, zone, formats.in_language(spoken))
