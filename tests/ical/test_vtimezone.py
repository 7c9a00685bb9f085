import zoneinfo
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import vobject
from icalendar import Calendar

from scheduler.ical import vtimezone as subject
from scheduler.ical.vtimezone import utc, vtimezone

YEAR = 2026
SETTLED = 2031  # by then what has just been changed somewhere is the rule
# Their change falls on the day after a month's last Thursday, or two days after a Thursday.
UNRULY = {"Africa/Cairo", "Asia/Gaza", "Asia/Hebron", "Egypt"}
NOT_PLACES = {"Factory", "localtime"}
ZONES = sorted(zoneinfo.available_timezones() - UNRULY - NOT_PLACES)


def text(component):
    return component.to_ical().decode().split("\r\n")


def test_one_observance_for_each_side_with_a_yearly_rule():
    assert text(vtimezone("America/New_York", YEAR)) == [
        "BEGIN:VTIMEZONE",
        "TZID:America/New_York",
        "BEGIN:STANDARD",
        "DTSTART:19701101T020000",
        "RRULE:FREQ=YEARLY;BYDAY=1SU;BYMONTH=11",
        "TZNAME:EST",
        "TZOFFSETFROM:-0400",
        "TZOFFSETTO:-0500",
        "END:STANDARD",
        "BEGIN:DAYLIGHT",
        "DTSTART:19700308T020000",
        "RRULE:FREQ=YEARLY;BYDAY=2SU;BYMONTH=3",
        "TZNAME:EDT",
        "TZOFFSETFROM:-0500",
        "TZOFFSETTO:-0400",
        "END:DAYLIGHT",
        "END:VTIMEZONE",
        "",
    ]


def test_a_change_that_the_rule_puts_on_another_day():
    rule = "RRULE:FREQ=YEARLY;BYDAY=FR;BYMONTHDAY=23,24,25,26,27,28,29;BYMONTH=3"

    assert rule in text(vtimezone("Asia/Jerusalem", YEAR))


def test_dublins_standard_time_is_its_winter():
    dublin = vtimezone("Europe/Dublin", YEAR)

    assert [(side.name, side.TZOFFSETTO) for side in dublin.subcomponents] == [
        ("STANDARD", timedelta()),
        ("DAYLIGHT", timedelta(hours=1)),
    ]


def test_exactly_the_unruly_zones_have_no_rule():
    alike = {zone_file(name): name for name in ZONES}  # a third are other names of the same zone
    assert {name for name in {*alike.values(), *UNRULY} if vtimezone(name, SETTLED) is None} == UNRULY


def zone_file(name):
    """Return what the zone database says of a zone."""
    for folder in zoneinfo.TZPATH:
        if (file := Path(folder, name)).is_file():
            return file.read_bytes()
    return files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()


def test_a_zone_whose_rules_have_just_changed_has_no_rule_for_the_years_before():
    # Mexico gave up summer time in 2022.
    assert vtimezone("America/Mexico_City", 2021) is None
    assert vtimezone("America/Mexico_City", 2023) is not None
    # Most of Canada did so in 2026.
    assert vtimezone("America/Vancouver", 2026) is None
    assert vtimezone("America/Vancouver", 2027) is not None


def test_the_proof_catches_a_wrong_rule(monkeypatch):
    berlin = subject.rules("Europe/Berlin")
    monkeypatch.setattr(subject, "rules", lambda _: berlin)

    assert vtimezone.__wrapped__("Europe/Paris", YEAR) is not None
    assert vtimezone.__wrapped__("America/New_York", YEAR) is None


@pytest.mark.parametrize("year", [2026, 2031])
def test_another_parser_reads_the_same_hours_as_zoneinfo(year):
    ruled = [name for name in ZONES[::7] if vtimezone(name, year)]

    assert len(ruled) > 80
    assert [name for name in ruled if not _read_alike(name, year)] == []


def _read_alike(name, year):
    calendar = Calendar()
    calendar.add_component(vtimezone(name, year))
    zone = ZoneInfo(name)
    read = vobject.readOne(calendar.to_ical().decode()).vtimezone.tzinfo
    hours = (datetime(year, 1, 1, 12, tzinfo=UTC) + timedelta(days=day) for day in range(0, 365, 3))
    local = [hour.astimezone(zone) for hour in hours]
    return all(read.utcoffset(hour.replace(tzinfo=None)) == hour.utcoffset() for hour in local)


def test_utc_as_a_component():
    assert text(utc())[1:3] == ["TZID:Etc/UTC", "BEGIN:STANDARD"]
