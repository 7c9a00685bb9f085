"""New rules in this process, out of a zone file of our own."""

import zoneinfo
from contextlib import contextmanager
from pathlib import Path

from scheduler.ical import events, vtimezone, zones
from tools.zones import write_zone


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
    for kept in (zones.fingerprint, vtimezone.vtimezone, events.rendered):
        kept.cache_clear()
