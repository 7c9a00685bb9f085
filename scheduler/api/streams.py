"""A whole list as lines: asked for with `Accept: application/x-ndjson` a list gives every row, a JSON object a line.

It begins at the cursor, if one is given, and reads page after page while it sends, each in a transaction of its own,
so that neither memory nor a long reading transaction grows with the list. A stream that breaks off in the middle is not
ended properly (no last chunk), which HTTP clients report.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from flask import Response, request, stream_with_context

from scheduler.api.paging import Paged
from scheduler.database import db
from scheduler.http import access
from scheduler.services.actors import Actor
from scheduler.services.trail import audit

MEDIA_TYPE = "application/x-ndjson"
CSV = "text/csv"
MOST = audit.MOST  # rows of a page: one event of the access audit names them all
OFFERED = ("application/json", MEDIA_TYPE)


def is_wanted() -> bool:
    """Tell whether the caller asks for lines."""
    return request.accept_mimetypes.best_match(OFFERED, default=OFFERED[0]) == MEDIA_TYPE


def is_csv_wanted() -> bool:
    """Tell whether the caller asks for a table as CSV."""
    return request.accept_mimetypes.best_match((OFFERED[0], CSV), default=OFFERED[0]) == CSV


def csv(lines: Iterable[str]) -> Response:
    """Return lines of CSV, sent while they are read."""
    return Response(stream_with_context(iter(lines)), content_type=f"{CSV}; charset=utf-8")


def answer(view: Callable[..., Any], actor: Actor, query: Paged, **ids: str) -> Response:
    """Return the streamed list; what is wrong with the request is refused before the first line."""
    whole = query.model_copy(update={"limit": MOST})
    first = view(actor, whole, **ids).body

    def lines() -> Iterator[str]:
        page = first
        while True:
            for item in page.items:
                yield item.model_dump_json() + "\n"
            if page.next_cursor is None:
                return
            db.session.rollback()
            page = view(actor, whole.model_copy(update={"cursor": page.next_cursor}), **ids).body
            access.note_rows()

    return Response(stream_with_context(lines()), content_type=MEDIA_TYPE)
