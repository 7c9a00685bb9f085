"""If-Match: change an object only while it is what the caller saw."""

from __future__ import annotations

import re

from flask import request

from scheduler.database import db
from scheduler.errors import Stale
from scheduler.services.row_versions import Versioned, check_version

TAG = re.compile(r'"(\d{1,9})"')


def check_match(thing: Versioned) -> None:
    """Raise Stale unless the request has no If-Match, or names the present version."""
    versions = _named(thing.row_version)
    if versions and thing.row_version not in versions:
        check_version(db.session(), thing, max(versions))


def check_number(present: int) -> None:
    """Raise Stale as `check_match` does, for an object of which each version is a row."""
    versions = _named(present)
    if versions and present not in versions:
        raise Stale(version=present, changes=[])


def _named(present: int) -> list[int]:
    """Return the versions that the request names; none where it takes any. Raises Stale for other texts."""
    header = request.headers.get("If-Match", "*").strip()
    if header == "*":
        return []
    seen = [TAG.fullmatch(tag.strip()) for tag in header.split(",")]
    versions = [int(match[1]) for match in seen if match]
    if not versions:
        raise Stale('If-Match must be an ETag of this API, such as "3"', version=present, changes=[])
    return versions
