"""Zone files of our own: what a newer zone database would bring, compiled here from one rule."""

import struct
import zoneinfo
from contextlib import contextmanager
from pathlib import Path

from scheduler.ical import events, vtimezone, zones


def write_zone(folder: Path, name: str, rule: str) -> Path:
    """Compile a zone that follows a POSIX rule, such as "EDT4", from ever to ever (RFC 9636, version 2)."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    block = struct.pack(">ib", 0, 0) + b"\x00" + b"UTC\x00"  # one type of time, which the rule makes idle
    head = b"TZif2" + bytes(15) + struct.pack(">6l", 0, 0, 0, 0, 1, 4)
    path.write_bytes(head + block + head + block + b"\n" + rule.encode() + b"\n")
    return folder


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
