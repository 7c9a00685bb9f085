"""Calendars as parsers that are not ours read them: each gives {uid: Read}, with instants in UTC.

ical.js is what Thunderbird uses; it runs in node: the machine's, else the wheel that the tools bring.
"""

import json
import shutil
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import icalendar
import vobject
from ics import Calendar as IcsCalendar

from tools import node
from tools.places import ROOT

SCRIPT = Path(__file__).with_name("read.mjs")


@dataclass(frozen=True)
class Read:
    start: datetime
    end: datetime
    status: str
    sequence: int


def by_icalendar(body):
    events = icalendar.Calendar.from_ical(body).events
    return {
        str(e["uid"]): Read(utc(e.start), utc(e.end), str(e["status"]), int(e["sequence"])) for e in events
    }


def by_vobject(body):
    calendar = vobject.readOne(body.decode())
    return {
        e.uid.value: Read(
            utc(e.dtstart.value), utc(e.dtend.value), str(e.status.value), int(e.sequence.value)
        )
        for e in getattr(calendar, "vevent_list", [])
    }


def by_ics(body):
    """The library keeps SEQUENCE only as an unread line."""
    found = {}
    for e in IcsCalendar(body.decode()).events:
        (sequence,) = (line.value for line in e.extra if line.name == "SEQUENCE")
        found[e.uid] = Read(utc(e.begin.datetime), utc(e.end.datetime), e.status, int(sequence))
    return found


def by_ical_js(*bodies):
    """Return what ical.js reads in each body; node starts once for all."""
    asked = json.dumps([body.decode() for body in bodies])
    done = subprocess.run(
        [_node(), SCRIPT, ROOT / "node_modules" / "ical.js" / "dist" / "ical.js"],
        input=asked,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return [
        {
            uid: Read(datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC), status, sequence)
            for uid, start, end, status, sequence in events
        }
        for events in json.loads(done.stdout)
    ]


def utc(moment):
    return datetime.fromtimestamp(moment.timestamp(), UTC)


def _node():
    return shutil.which("node") or node.wheel()
