"""Dates and times as people read them: the only module that decides how one is written.

Babel's CLDR data give the words and their order. The methods take clinic-local values; an instant must be brought into
the clinic's zone first. Machine formats (form values, API fields, exports, logs) are ISO 8601 and are not made here.
"""

from __future__ import annotations

import datetime as dt  # the methods time and date would hide the types of those names
import re
from dataclasses import dataclass
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.dates import (
    format_date,
    format_interval,
    format_skeleton,
    format_time,
    get_day_names,
    get_timezone_location,
    parse_pattern,
)
from babel.numbers import format_decimal

DEFAULT_LOCALE = "en-US"
# Pages are in English, so a clinic chooses among the ways in which English is written.
LOCALES = ("en-US", "en-PR", "en-CA", "en-GB", "en-IE", "en-AU", "en-NZ", "en-IN", "en-PH", "en-ZA")
ANY_DAY = dt.date(2000, 1, 1)
HALF_A_YEAR = dt.timedelta(days=183)
# CLDR sets the narrow and the thin space where other programs, and fonts, expect a plain one.
SPACES = str.maketrans({"\N{NARROW NO-BREAK SPACE}": " ", "\N{NO-BREAK SPACE}": " ", "\N{THIN SPACE}": ""})
WEEKDAY = re.compile("E+")


@dataclass(frozen=True, slots=True)
class Formats:
    """How a clinic reads dates and times: its locale (BCP 47), and whether hours run to 24 in any locale."""

    locale: str = DEFAULT_LOCALE
    twenty_four: bool = False

    def in_language(self, language: str) -> Formats:
        """Return the same for a reader of another language in the clinic's country."""
        if language == self._babel.language:
            return self
        territory = self._babel.territory
        known = f"{language}-{territory}" if territory and _is_known(f"{language}-{territory}") else language
        return Formats(known, self.twenty_four)

    def time(self, at: dt.time | dt.datetime) -> str:
        """Return such as "9:30 AM" or "09:30"."""
        return _time(self, self._clock, at.hour, at.minute)

    def split_time(self, at: dt.time | dt.datetime) -> tuple[str, str]:
        """Return a time and its half of the day apart: "9:30" and "AM"; no half where hours run to 24."""
        whole = self.time(at)
        half = "" if self.uses_24_hours else _half(self, at.hour)
        return whole.removesuffix(half).rstrip(), half

    def hour(self, at: dt.time | dt.datetime) -> str:
        """Return a full hour as short as an axis needs it: "9 AM" or "09:00"."""
        return self.time(at) if self.uses_24_hours or at.minute else _time(self, "h", at.hour, 0)

    def times(self, start: dt.time | dt.datetime, end: dt.time | dt.datetime) -> str:
        """Return a stretch of time, such as "9:30–11:40 AM" or "09:30–11:40"."""
        return _times(self, start.hour, start.minute, end.hour, end.minute)

    def day(self, on: dt.date) -> str:
        """Return such as "Mon, Nov 30", where the year is clear."""
        return _skeleton(self, "MMMEd", on.year, on.month, on.day)

    def dated(self, on: dt.date) -> str:
        """Return such as "Mon, Nov 30, 2026"."""
        return _skeleton(self, "yMMMEd", on.year, on.month, on.day)

    def day_near(self, on: dt.date, today: dt.date) -> str:
        """Return a date without its year, or with it when it is more than half a year from today."""
        return self.day(on) if abs(on - today) <= HALF_A_YEAR else self.dated(on)

    def date(self, on: dt.date) -> str:
        """Return such as "Nov 30, 2026", where the weekday says nothing."""
        return format_date(_day(on), "medium", locale=self._babel)

    def long(self, on: dt.date) -> str:
        """Return such as "Monday, November 30, 2026"."""
        return format_date(_day(on), "full", locale=self._babel)

    def month_day(self, on: dt.date) -> str:
        """Return such as "Nov 30"."""
        return _skeleton(self, "MMMd", on.year, on.month, on.day)

    def month_year(self, on: dt.date) -> str:
        """Return such as "November 2026"."""
        return _skeleton(self, "yMMMM", on.year, on.month, 1)

    def short_month(self, on: dt.date) -> str:
        """Return such as "Nov"."""
        return _skeleton(self, "MMM", on.year, on.month, 1)

    def moment(self, local: dt.datetime) -> str:
        """Return such as "Mon, Nov 30, 9:30 AM"."""
        return f"{self.day(local)}, {self.time(local)}"

    def dated_moment(self, local: dt.datetime) -> str:
        """Return such as "Mon, Nov 30, 2026, 9:30 AM"."""
        return f"{self.dated(local)}, {self.time(local)}"

    def spoken(self, local: dt.datetime) -> str:
        """Return what is read aloud on the phone, such as "Thursday, December 10, at 9:30 AM". In English only."""
        return f"{self.weekday_and_day(local)}, at {self.time(local)}"

    def weekday_and_day(self, on: dt.date) -> str:
        """Return such as "Thursday, December 10", where the year is clear."""
        pattern = WEEKDAY.sub("EEEE", self._babel.datetime_skeletons["MMMMEd"].pattern)
        return str(parse_pattern(pattern).apply(_day(on), self._babel))

    def weekday(self, number: int) -> str:
        """Return the name of an ISO weekday (Monday is 1), such as "Monday"."""
        return str(get_day_names("wide", locale=self._babel)[number - 1])

    def short_weekday(self, number: int) -> str:
        """Return the short name of an ISO weekday (Monday is 1), such as "Mon"."""
        return str(get_day_names("abbreviated", locale=self._babel)[number - 1])

    @property
    def week(self) -> tuple[int, ...]:
        """The ISO weekdays in the order of a week: from Sunday in the United States, from Monday in most of Europe."""
        first = self._babel.first_week_day
        return tuple((first + n) % 7 + 1 for n in range(7))

    def week_start(self, on: dt.date) -> dt.date:
        """Return the first day of the week that a date is in."""
        return on - dt.timedelta(days=(on.isoweekday() - self.week[0]) % 7)

    def city(self, zone_key: str) -> str:
        """Return the city after which people call a zone, such as "New York"."""
        return get_timezone_location(zone_key, locale=self._babel, return_city=True)

    def number(self, value: float) -> str:
        """Return such as "1,234.5"."""
        return str(format_decimal(value, locale=self._babel))

    @property
    def uses_24_hours(self) -> bool:
        return self.twenty_four or "h" not in self._babel.time_formats["short"].pattern

    @property
    def _clock(self) -> str:
        return "Hm" if self.uses_24_hours else "hm"

    @property
    def _babel(self) -> Locale:
        return _locale(self.locale)


USUAL = Formats()  # of a clinic that has changed neither setting


def locale_name(code: str) -> str:
    """Return what a locale is called in English, such as "English (United States)"."""
    return str(_locale(code).get_display_name("en"))


@lru_cache(maxsize=64)
def _locale(code: str) -> Locale:
    return Locale.parse(code, sep="-")


def _is_known(code: str) -> bool:
    try:
        _locale(code)
    except UnknownLocaleError:
        return False
    return True


# A page says the same few times and dates again and again; Babel takes some 20 microseconds for each.
@lru_cache(maxsize=8192)
def _time(formats: Formats, skeleton: str, hour: int, minute: int) -> str:
    return format_skeleton(skeleton, dt.time(hour, minute), locale=_locale(formats.locale)).translate(SPACES)


@lru_cache(maxsize=512)
def _half(formats: Formats, hour: int) -> str:
    return format_time(dt.time(hour), "a", locale=_locale(formats.locale)).translate(SPACES)


@lru_cache(maxsize=8192)
def _times(formats: Formats, hour: int, minute: int, last_hour: int, last_minute: int) -> str:
    start, end = dt.time(hour, minute), dt.time(last_hour, last_minute)
    if end <= start:  # past midnight, where one AM for both would mislead
        return f"{formats.time(start)}–{formats.time(end)}"
    clock = "Hm" if formats.uses_24_hours else "hm"
    return format_interval(
        dt.datetime.combine(ANY_DAY, start),
        dt.datetime.combine(ANY_DAY, end),
        clock,
        locale=_locale(formats.locale),
    ).translate(SPACES)


@lru_cache(maxsize=8192)
def _skeleton(formats: Formats, skeleton: str, year: int, month: int, day: int) -> str:
    return format_skeleton(skeleton, dt.date(year, month, day), locale=_locale(formats.locale))


def _day(on: dt.date) -> dt.date:
    return on.date() if isinstance(on, dt.datetime) else on
