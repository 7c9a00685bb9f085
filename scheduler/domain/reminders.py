"""When a visit's reminders fall due.

A rule counts from one edge of the visit. Hours are elapsed time; days and working days are clinic-local calendar
days, so a reminder "one day before 10:00" is due at 10:00 by the clinic's clock even across a clock change.
What would fall into the quiet hours waits for their end, or comes before they begin when waiting would leave less than
half of the lead. A rule before the start never sends after it, one after the end not later than its grace.

A rule has a topic: the visit itself, what is still missing for it, who takes the patient home, or that a visit which is
only proposed wants to be booked. Only the first has more than one anchor.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import TypeVar
from zoneinfo import ZoneInfo

from scheduler.domain.message_kinds import MessageKind
from scheduler.domain.plans import Unit

BEFORE_QUIET = timedelta(minutes=15)  # a pulled-forward reminder leaves this long before the quiet hours
AFTER_GRACE = timedelta(days=2)  # a next-day check-in is of no use later
TOGETHER = timedelta(hours=2)  # reminders of one patient due within this are one mail
Row = TypeVar("Row")


class Anchor(StrEnum):
    """What a rule counts from."""

    BEFORE_START = "before-start"
    AFTER_END = "after-end"
    AT_BOOKING = "at-booking"


class Topic(StrEnum):
    """What a rule tells of."""

    VISIT = "visit"
    REQUIREMENTS = "requirements"
    DRIVER = "driver"
    BOOSTER = "booster"


KIND_OF_TOPIC = {
    Topic.VISIT: MessageKind.REMINDER,
    Topic.REQUIREMENTS: MessageKind.REQUIREMENT_MISSING,
    Topic.DRIVER: MessageKind.DRIVER,
    Topic.BOOSTER: MessageKind.BOOSTER,
}


@dataclass(frozen=True, slots=True)
class ReminderRule:
    """One reminder of a clinic; `kinds` empty means every kind of visit."""

    key: str
    anchor: Anchor
    amount: int
    unit: Unit
    kinds: frozenset[str] = frozenset()
    topic: Topic = Topic.VISIT

    def fits(self, kind: str) -> bool:
        return not self.kinds or kind in self.kinds


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Wall-clock hours in which no reminder leaves, over midnight when `begins` is later than `ends`."""

    begins: time
    ends: time

    def hold(self, local: time) -> bool:
        if self.begins == self.ends:
            return False
        if self.begins < self.ends:
            return self.begins <= local < self.ends
        return local >= self.begins or local < self.ends


@dataclass(frozen=True, slots=True)
class ReminderCalendar:
    """What a rule must know of the clinic: its zone, its quiet hours, and on which days it works.

    `skip_closed` pulls what would fall on a day without work forward to the last day with it.
    """

    zone: ZoneInfo
    quiet: QuietHours
    works_on: Callable[[date], bool]
    skip_closed: bool = False


@dataclass(frozen=True, slots=True)
class Due:
    """When one rule wants its reminder sent, and from when it is of no use."""

    rule: ReminderRule
    due_at: datetime
    expires_at: datetime


RULE = re.compile(
    r"(?:(?:(?P<topic>requirements|driver|booster) )?(?P<anchor>before-start)|(?P<after>after-end))"
    r" (?P<amount>\d{1,4}) (?P<unit>hours|days|working_days)(?:: (?P<kinds>.+))?"
    r"|(?P<booking>at-booking)(?:: (?P<booked>.+))?"
)
SHORT = {Unit.HOURS: "h", Unit.DAYS: "d", Unit.WORKING_DAYS: "w"}
NAMES = {short: unit.value.replace("_", " ") for unit, short in SHORT.items()}
KEY = re.compile(
    r"(?:(?P<topic>requirements|driver|booster)-)?(?:booking|(?P<edge>before|after)-(?P<amount>\d+)(?P<unit>[hdw]))"
    r"(?:-[0-9a-f]{6})?"
)
LARGEST = {Unit.HOURS: 2000, Unit.DAYS: 90, Unit.WORKING_DAYS: 60}


def read_rule(text: str) -> ReminderRule:
    """Read a rule such as "after-end 1 days: infusion, session", "driver before-start 2 days" or "at-booking".

    Raises ValueError saying why not.
    """
    found = RULE.fullmatch(text.strip())
    if found is None:
        raise ValueError("a rule reads like: before-start 2 working_days: infusion")
    topic = Topic(found["topic"] or "visit")
    anchor = Anchor(found["anchor"] or found["after"] or found["booking"])
    amount, unit = int(found["amount"] or 0), Unit(found["unit"] or "hours")
    if amount > LARGEST[unit] or (amount == 0 and anchor is not Anchor.AT_BOOKING):
        raise ValueError(f"between 1 and {LARGEST[unit]} {unit}")
    kinds = frozenset(
        kind.strip() for kind in (found["kinds"] or found["booked"] or "").split(",") if kind.strip()
    )
    name = "booking" if anchor is Anchor.AT_BOOKING else f"{anchor.partition('-')[0]}-{amount}{SHORT[unit]}"
    mark = f"-{sha256(','.join(sorted(kinds)).encode()).hexdigest()[:6]}" if kinds else ""
    about = "" if topic is Topic.VISIT else f"{topic.value}-"
    return ReminderRule(f"{about}{name}{mark}", anchor, amount, unit, kinds, topic)


def write_rule(rule: ReminderRule) -> str:
    """Return the text that `read_rule` reads the rule from."""
    about = "" if rule.topic is Topic.VISIT else f"{rule.topic.value} "
    count = "" if rule.anchor is Anchor.AT_BOOKING else f" {rule.amount} {rule.unit.value}"
    kinds = f": {', '.join(sorted(rule.kinds))}" if rule.kinds else ""
    return f"{about}{rule.anchor.value}{count}{kinds}"


def topic_of(key: str) -> Topic:
    """Return the topic of the rule with this key."""
    first = key.partition("-")[0]
    return Topic(first) if first in set(Topic) else Topic.VISIT


def words_of(key: str) -> str:
    """Return what the rule with this key sends and when, in words: "who comes along, 2 days before"."""
    found = KEY.fullmatch(key)
    if found is None:
        return key
    when = "at booking"
    if found["amount"]:
        unit = NAMES[found["unit"]]
        when = f"{found['amount']} {unit if found['amount'] != '1' else unit[:-1]} {found['edge']}"
    topic = topic_of(key)
    return when if topic is Topic.VISIT else f"{KIND_OF_TOPIC[topic].words_inside}, {when}"


def by_lead_hours(lead_hours: Iterable[int]) -> tuple[ReminderRule, ...]:
    """Return the simple rules: so many hours before the start, longest first."""
    return tuple(
        ReminderRule(f"before-{hours}h", Anchor.BEFORE_START, hours, Unit.HOURS)
        for hours in sorted(set(lead_hours), reverse=True)
    )


def due_times(
    rules: Iterable[ReminderRule],
    kind: str,
    start: datetime,
    end: datetime,
    booked: datetime,
    calendar: ReminderCalendar,
) -> list[Due]:
    """Return when each rule that fits this kind of visit falls due, soonest first. All instants are in UTC."""
    found = [_due(rule, start, end, booked, calendar) for rule in rules if rule.fits(kind)]
    return sorted(found, key=lambda due: (due.due_at, due.rule.key))


def _due(
    rule: ReminderRule, start: datetime, end: datetime, booked: datetime, calendar: ReminderCalendar
) -> Due:
    zone, quiet = calendar.zone, calendar.quiet
    if rule.anchor is Anchor.AT_BOOKING:
        return Due(rule, booked, start)
    if rule.anchor is Anchor.AFTER_END:
        wanted = counted(end, rule.amount, rule.unit, zone, calendar.works_on)
        return Due(rule, after_quiet(wanted, zone, quiet), wanted + AFTER_GRACE)
    wanted = counted(start, -rule.amount, rule.unit, zone, calendar.works_on)
    if calendar.skip_closed:
        wanted = _on_a_working_day(wanted, calendar)
    return Due(rule, outside_quiet(wanted, start, zone, quiet), start)


def _on_a_working_day(wanted: datetime, calendar: ReminderCalendar) -> datetime:
    """Return `wanted`, or the same wall-clock time on the last day before it on which the clinic works."""
    local = wanted.astimezone(calendar.zone)
    if calendar.works_on(local.date()):
        return wanted
    on = _working_days_from(local.date(), -1, calendar.works_on)
    return at_local(on, local.time(), calendar.zone)


def newest_of_each(rows: Iterable[Row], about: Callable[[Row], Hashable]) -> tuple[list[Row], list[Row]]:
    """Return the last row about each thing, and those that it overtakes. The rows come in order of due time."""
    newest: dict[Hashable, Row] = {}
    overtaken = []
    for row in rows:
        if about(row) in newest:
            overtaken.append(newest[about(row)])
        newest[about(row)] = row
    return list(newest.values()), overtaken


def counted(
    instant: datetime, amount: int, unit: Unit, zone: ZoneInfo, works_on: Callable[[date], bool]
) -> datetime:
    """Return the instant `amount` units later (earlier if negative)."""
    if unit is Unit.HOURS:
        return instant + timedelta(hours=amount)
    local = instant.astimezone(zone)
    on = local.date()
    if unit is Unit.DAYS:
        on += timedelta(days=amount)
    else:
        on = _working_days_from(on, amount, works_on)
    return at_local(on, local.time(), zone)


def at_local(on: date, clock: time, zone: ZoneInfo) -> datetime:
    """Return the instant of a wall-clock time for a mail's purpose: what is skipped or repeated means the first."""
    return datetime.combine(on, clock, tzinfo=zone).replace(fold=0).astimezone(UTC)


def outside_quiet(wanted: datetime, start: datetime, zone: ZoneInfo, quiet: QuietHours) -> datetime:
    """Return when a reminder wanted at `wanted` leaves: at once, after the quiet hours, or before them."""
    held = after_quiet(wanted, zone, quiet)
    if held == wanted or start - held >= (start - wanted) / 2:
        return held
    return before_quiet(wanted, zone, quiet)


def after_quiet(wanted: datetime, zone: ZoneInfo, quiet: QuietHours) -> datetime:
    """Return `wanted`, or the end of the quiet hours that it falls into."""
    local = wanted.astimezone(zone)
    if not quiet.hold(local.time()):
        return wanted
    on = local.date() if local.time() < quiet.ends else local.date() + timedelta(days=1)
    return at_local(on, quiet.ends, zone)


def before_quiet(wanted: datetime, zone: ZoneInfo, quiet: QuietHours) -> datetime:
    """Return a little before the beginning of the quiet hours that `wanted` falls into."""
    local = wanted.astimezone(zone)
    on = local.date() if local.time() >= quiet.begins else local.date() - timedelta(days=1)
    return at_local(on, quiet.begins, zone) - BEFORE_QUIET


def _working_days_from(on: date, amount: int, works_on: Callable[[date], bool]) -> date:
    """Return the day so many working days away. A clinic that is closed for a year counts plain days."""
    step = timedelta(days=1 if amount > 0 else -1)
    left, day = abs(amount), on
    for _ in range(366):
        if left == 0:
            return day
        day += step
        left -= works_on(day)
    return on + timedelta(days=amount)
