"""Dates and times as people read them, in the language of the mail, always with the zone's name.

Written out with the weekday, because 03/04 is two different days on two sides of an ocean. The 12-hour clock is used
where people of that language and country read it, else the 24-hour clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

LANGUAGES = ("en", "es")
WEEKDAYS = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "es": ("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"),
}
MONTHS = {
    "en": (
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ),
    "es": (
        "enero",
        "febrero",
        "marzo",
        "abril",
        "mayo",
        "junio",
        "julio",
        "agosto",
        "septiembre",
        "octubre",
        "noviembre",
        "diciembre",
    ),
}
ZONE = {"en": "{city} time, {name}", "es": "hora de {city}, {name}"}
UNTIL = {"en": "{start} to {end}", "es": "{start} a {end}"}
TWELVE_HOUR_COUNTRIES = {
    "en": frozenset({"US", "CA", "AU", "NZ", "PH", "IN"}),
    "es": frozenset({"US", "PR", "MX", "CO", "VE", "PE", "DO", "GT", "SV", "HN", "NI", "PA"}),
}
HALVES = {"en": ("AM", "PM"), "es": ("a.\N{NO-BREAK SPACE}m.", "p.\N{NO-BREAK SPACE}m.")}
# cities that give a zone its name and are called otherwise in Spanish
SPANISH_CITIES = {
    "Asuncion": "Asunción",
    "Berlin": "Berlín",
    "Bogota": "Bogotá",
    "Brussels": "Bruselas",
    "Cancun": "Cancún",
    "Copenhagen": "Copenhague",
    "Havana": "La Habana",
    "Lisbon": "Lisboa",
    "London": "Londres",
    "Los Angeles": "Los Ángeles",
    "Mazatlan": "Mazatlán",
    "Merida": "Mérida",
    "Mexico City": "Ciudad de México",
    "New York": "Nueva York",
    "Panama": "Panamá",
    "Paris": "París",
    "Rome": "Roma",
    "Sydney": "Sídney",
    "Vienna": "Viena",
    "Zurich": "Zúrich",
}


@dataclass(frozen=True, slots=True)
class Tongue:
    """The language, zone and clock in which a mail speaks."""

    language: str
    zone: ZoneInfo
    country: str

    def date(self, on: date) -> str:
        weekday, month = WEEKDAYS[self.language][on.weekday()], MONTHS[self.language][on.month - 1]
        if self.language == "es":
            return f"{weekday}, {on.day} de {month} de {on.year}"
        return f"{weekday}, {month} {on.day}, {on.year}"

    def day(self, instant: datetime) -> str:
        return self.date(instant.astimezone(self.zone).date())

    def time(self, instant: datetime) -> str:
        local = instant.astimezone(self.zone)
        if self.country in TWELVE_HOUR_COUNTRIES[self.language]:
            return f"{local.hour % 12 or 12}:{local:%M} {HALVES[self.language][local.hour // 12]}"
        return f"{local:%H:%M}"

    def times(self, start: datetime, end: datetime) -> str:
        return UNTIL[self.language].format(start=self.time(start), end=self.time(end))

    def zone_of(self, instant: datetime) -> str:
        """Return the zone as people say it, with what its clocks show on that day: "New York time, EST"."""
        city = self.zone.key.rpartition("/")[2].replace("_", " ")
        if self.language == "es":
            city = SPANISH_CITIES.get(city, city)
        name = instant.astimezone(self.zone).tzname() or "UTC"
        if name[0] in "+-":
            name = f"UTC{name[:3]}:{name[3:] or '00'}"
        return ZONE[self.language].format(city=city, name=name)


def tongue(language: str, zone: ZoneInfo, country: str) -> Tongue:
    """Return the patient's language if mails exist in it, else English."""
    short = language.partition("-")[0].lower()
    return Tongue(short if short in LANGUAGES else "en", zone, country)
