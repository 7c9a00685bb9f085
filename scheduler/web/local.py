"""Times and languages for people: the filters of the templates, and the way back from forms.

Everything is said in the clinic's zone. A page of a signed-in person takes the zone of their clinic; any other page
hands the zone to the filter.
"""

from __future__ import annotations

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from flask import Flask

from scheduler.domain.localtime import AmbiguousTime, NonexistentTime, to_local, to_utc
from scheduler.errors import Invalid
from scheduler.web.current import actor

LONGEST = 40  # characters: no date or time is longer, and parsing must not be handed a novel
YEARS = range(1900, 2200)  # a day's neighbours and its midnight in any zone are dates as well
LANGUAGES = {
    "am": "Amharic",
    "ar": "Arabic",
    "bg": "Bulgarian",
    "bn": "Bengali",
    "cs": "Czech",
    "de": "German",
    "el": "Greek",
    "en": "English",
    "es": "Spanish",
    "fa": "Persian",
    "fr": "French",
    "he": "Hebrew",
    "hi": "Hindi",
    "hu": "Hungarian",
    "hy": "Armenian",
    "is": "Icelandic",
    "it": "Italian",
    "ja": "Japanese",
    "ka": "Georgian",
    "ko": "Korean",
    "pl": "Polish",
    "pt": "Portuguese",
    "ro": "Romanian",
    "ru": "Russian",
    "sv": "Swedish",
    "ta": "Tamil",
    "th": "Thai",
    "tl": "Tagalog",
    "tr": "Turkish",
    "uk": "Ukrainian",
    "ur": "Urdu",
    "vi": "Vietnamese",
    "zh": "Chinese",
}
FIELDS = {  # what a form calls a field, where that is another word than its name
    "birth_date": "Born",
    "blocked": "A day the patient cannot come",
    "earliest": "From",
    "family_name": "Family name",
    "last_at": "The hour of the last visit",
    "last_on": "The day of the last visit",
    "latest": "Until",
    "preferred": "Best at",
    "preferred_name": "Called",
    "proxy_email": "Their email",
}
DATES = {
    "short": "%a %-d %b",
    "long": "%A %-d %B %Y",
    "dense": "%-d %b %Y",
    "dated": "%a %-d %b %Y",
    "iso": "%Y-%m-%d",
}


def register(app: Flask) -> None:
    """Add the filters."""
    app.add_template_filter(local_date)
    app.add_template_filter(local_time)
    app.add_template_filter(language_name)
    app.add_template_filter(field_name)


def local_date(value: date | datetime | None, style: str = "short", zone: ZoneInfo | None = None) -> str:
    """Return a date, or the clinic-local date of an instant, in words; nothing for None."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        value = to_local(value, zone or _zone()).date()
    return value.strftime(DATES[style])


def local_time(value: time | datetime | None, zone: ZoneInfo | None = None) -> str:
    """Return a wall-clock time, or that of an instant, as 09:30; nothing for None."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        value = to_local(value, zone or _zone()).time()
    return value.strftime("%H:%M")


def language_name(code: str) -> str:
    """Return the English name of a language; its code if the name is not known here."""
    return LANGUAGES.get(code.partition("-")[0].lower(), code)


def field_name(name: str) -> str:
    """Return what people read beside a field, so that what is wrong with it is found."""
    return FIELDS.get(name, name.replace("_", " ").capitalize())


def read_date(field: str, text: str) -> date:
    """Return the date that a form or an address names. Raises Invalid."""
    try:
        value = date.fromisoformat(text.strip()[:LONGEST])
    except ValueError:
        raise Invalid([(field, "must be a date, such as 2026-11-24")]) from None
    if value.year not in YEARS:
        raise Invalid([(field, f"must be a date from {YEARS[0]} to {YEARS[-1]}")])
    return value


def read_time(field: str, text: str) -> time:
    """Return the wall-clock time that a form names. Raises Invalid."""
    try:
        value = time.fromisoformat(text.strip()[:LONGEST])
    except ValueError:
        raise Invalid([(field, "must be a time, such as 09:30")]) from None
    if value.tzinfo is not None:
        raise Invalid([(field, "must be a time in the clinic's zone, such as 09:30")])
    return value


def read_instant(field: str, on: date, at: time, zone: ZoneInfo | None = None) -> datetime:
    """Return the instant of a clinic-local date and time. Raises Invalid at a clock change, naming what is possible."""
    try:
        return to_utc(datetime.combine(on, at), zone or _zone())
    except (NonexistentTime, AmbiguousTime) as error:
        raise Invalid([(field, str(error))]) from None


def _zone() -> ZoneInfo:
    return actor().clinic.zone
