"""New rules in this process, out of a zone file of our own, and visits that they meet."""

import zoneinfo
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from scheduler.domain.status import AppointmentStatus
from scheduler.ical import events, vtimezone, zones
from scheduler.services.feed import feed_events
from tests.cast import NOW, add_patient
from tests.visits import add_visit
from tools.zones import write_zone

HOUR = timedelta(hours=1)


@contextmanager
def other_rules(folder: Path, name: str, rule: str):
    """Let this process follow another rule in a zone, as after an upgrade and a restart."""
    before = zoneinfo.TZPATH
    try:
        zoneinfo.reset_tzpath(to=[str(write_zone(folder, name, rule).resolve())])
        _forget()
        yield
    finally:
        zoneinfo.reset_tzpath(to=before)
        _forget()


def _forget():
    zoneinfo.ZoneInfo.clear_cache()
    for kept in (zones.fingerprint, vtimezone.vtimezone, events.rendered, feed_events._lines):
        kept.cache_clear()


def one_stays_and_one_goes(session, cast):
    """Somebody has come early, so Bo, next at that chair, cannot begin an hour earlier; Cy, at another, can."""
    for name in ("Bo", "Cy"):
        add_patient(session, cast, name, "Berg")
    add_visit(session, cast, "Chair 1", NOW + HOUR).status = AppointmentStatus.ARRIVED
    left = add_visit(session, cast, "Chair 1", NOW + 2 * HOUR, cast.patients["Bo"])
    gone = add_visit(session, cast, "Chair 2", NOW + 3 * HOUR, cast.patients["Cy"])
    session.commit()
    return left, gone
