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
    header = request.headers.get("If-Match", "*").strip()
    if header == "*":
        return
    seen = [TAG.fullmatch(tag.strip()) for tag in header.split(",")]
    versions = [int(match[1]) for match in seen if match]
    if thing.row_version in versions:
        return
    if not versions:
        raise Stale(
            'If-Match must be an ETag of this API, such as "3"', version=thing.row_version, changes=[]
        )
    check_version(db.session(), thing, max(versions))
