"""Times and languages for people: the filters of the templates, and the way back from forms.

Everything is said in the clinic's zone and formats. A page of a signed-in person takes those of their clinic; any other
page hands the zone to the filter. What a machine reads (iso_date, iso_time) is ISO 8601.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from flask import Flask

from scheduler import clock
from scheduler.domain.formats import USUAL, Formats
from scheduler.domain.localtime import AmbiguousTime, NonexistentTime, local_on, to_local, to_utc
from scheduler.domain.plans import TICK
from scheduler.domain.text import whole_number
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
    "birth_date": "Date of birth",
    "away_from": "First unavailable date",
    "away_until": "Last unavailable date",
    "earliest": "From",
    "family_name": "Last name",
    "given_name": "First name",
    "last_at": "Time of the last visit",
    "last_on": "Date of the last visit",
    "latest": "Until",
    "not_before": "Earliest start date",
    "preferred": "Preferred time",
    "preferred_name": "Preferred name",
    "proxy_email": "Their email",
}
DATES: dict[str, Callable[[Formats, date], str]] = {
    "short": Formats.day,  # Mon, Nov 30
    "dated": Formats.dated,  # Mon, Nov 30, 2026
    "dense": Formats.date,  # Nov 30, 2026
    "long": Formats.long,  # Monday, November 30, 2026
    "weekday": Formats.weekday_and_day,  # Monday, November 30
    "month": Formats.month_day,  # Nov 30
}


def register(app: Flask) -> None:
    """Add the filters."""
    for shown in (
        local_date,
        local_time,
        split_time,
        local_times,
        local_moment,
        local_hour,
        local_steps,
        spoken,
    ):
        app.add_template_filter(shown)
    for machine_readable in (iso_date, iso_time):
        app.add_template_filter(machine_readable)
    app.add_template_filter(weekday_name)
    app.add_template_global(week_days)
    app.add_template_filter(language_name)
    app.add_template_filter(field_name)


def local_date(value: date | datetime | None, style: str = "short", zone: ZoneInfo | None = None) -> str:
    """Return a date, or the clinic-local date of an instant, in a style of DATES; nothing for None.

    The short style adds the year to a date that is more than half a year away.
    """
    if value is None:
        return ""
    on = _date(value, zone)
    if style == "short" and zone is None:
        return _formats().day_near(on, local_on(clock.now(), _zone()))
    return DATES[style](_formats(zone), on)


def local_time(value: time | datetime | str | None, zone: ZoneInfo | None = None) -> str:
    """Return a clinic-local time, or that of an instant, as 9:30 AM; nothing for None. Settings hold it as text."""
    if isinstance(value, str):
        value = time.fromisoformat(value)
    return "" if value is None else _formats(zone).time(_time(value, zone))


def split_time(value: datetime) -> tuple[str, str]:
    """Return the clinic-local time of an instant and its half of the day apart; see templates/_clock.html."""
    return _formats().split_time(_time(value))


def local_times(start: datetime, end: datetime) -> str:
    """Return the clinic-local times of a stretch, as 9:30–11:40 AM."""
    return _formats().times(_time(start), _time(end))


def local_moment(value: datetime | None, style: str = "short", zone: ZoneInfo | None = None) -> str:
    """Return the clinic-local date and time of an instant; nothing for None."""
    return "" if value is None else f"{local_date(value, style, zone)}, {local_time(value, zone)}"


def local_hour(value: datetime) -> str:
    """Return the clinic-local hour of an instant, as 9 AM."""
    return _formats().hour(_time(value))


def local_steps(hour: datetime) -> str:
    """Return the times of an hour, one for each row of the board, for the label of a dragged visit."""
    return "|".join(local_time(hour + n * TICK) for n in range(timedelta(hours=1) // TICK))


def spoken(value: datetime) -> str:
    """Return the clinic-local date and time of an instant as it is read aloud."""
    return _formats().spoken(to_local(value, _zone()))


def iso_date(value: date | datetime) -> str:
    """Return a date, or the clinic-local date of an instant, for a form field or an address."""
    return _date(value).isoformat()


def iso_time(value: time | datetime) -> str:
    """Return a time, or the clinic-local time of an instant, for a form field: 09:30."""
    return _time(value).isoformat("minutes")


def week_days() -> tuple[int, ...]:
    """Return the ISO weekdays (Monday is 1) in the order of the clinic's week."""
    return _formats().week


def weekday_name(number: int, style: str = "long") -> str:
    """Return the name of an ISO weekday; `style` is long or short."""
    return _formats().short_weekday(number) if style == "short" else _formats().weekday(number)


def language_name(code: str) -> str:
    """Return the English name of a language; its code if the name is not known here."""
    return LANGUAGES.get(code.partition("-")[0].lower(), code)


def field_name(name: str) -> str:
    """Return what people read beside a field, so that what is wrong with it is found."""
    return FIELDS.get(name, name.replace("_", " ").capitalize())


def read_number(text: str, digits: int = 8) -> int:
    """Return the whole number of a field; for any other text -1, which is out of the bounds of every field."""
    found = whole_number(text, digits)
    return -1 if found is None else found


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


def read_start(form: Mapping[str, str]) -> datetime:
    """Return the moment that a form names, as `read_instant` does: a time that was offered, or `date` and `time`."""
    offered_on, _, offered_at = form.get("start", "").partition("T")
    on = read_date("date", offered_on or form.get("date", ""))
    return read_instant("time", on, read_time("time", offered_at or form.get("time", "")))


def read_instant(field: str, on: date, at: time, zone: ZoneInfo | None = None) -> datetime:
    """Return the instant of a clinic-local date and time. Raises Invalid at a clock change, naming what is possible."""
    try:
        return to_utc(datetime.combine(on, at), zone or _zone())
    except (NonexistentTime, AmbiguousTime) as error:
        raise Invalid([(field, error.words(_formats(zone)))]) from None


def _date(value: date | datetime, zone: ZoneInfo | None = None) -> date:
    return to_local(value, zone or _zone()).date() if isinstance(value, datetime) else value


def _time(value: time | datetime, zone: ZoneInfo | None = None) -> time:
    return to_local(value, zone or _zone()).time() if isinstance(value, datetime) else value


def _zone() -> ZoneInfo:
    return actor().clinic.zone


def _formats(zone: ZoneInfo | None = None) -> Formats:
    """Return the clinic's formats; the usual ones where a zone is given because no one is signed in."""
    return actor().clinic.formats if zone is None else USUAL
