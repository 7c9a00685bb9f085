"""A CSV file as an answer, sent while it is read from the database."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Response, stream_with_context
from sqlalchemy.orm import Session


def csv_file(session: Session, lines: Iterator[str], name: str) -> Response:
    """Stream lines that are read with this session, as a file of this name."""
    return Response(
        stream_with_context(_to_the_end(session, lines)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f"attachment; filename={name}"},
    )


def _to_the_end(session: Session, lines: Iterator[str]) -> Iterator[str]:
    """Give the connection back when all is sent or the reader has gone: the request's session ended before."""
    try:
        yield from lines
    finally:
        session.close()
