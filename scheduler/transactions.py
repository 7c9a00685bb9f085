"""When a request's transaction begins, and how it ends.

A request that may change something begins as a writer before anything is read, so that on SQLite it waits for its turn
instead of failing in the middle, and what it reads stays true until it commits. A view that only computes although it is
asked by POST (a proposal) is marked with `only_reads`. A door commits once; whatever was not committed is rolled back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, current_app, request

from scheduler.database import begin_write, db

View = TypeVar("View", bound=Callable[..., Any])
SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


def only_reads(view: View) -> View:
    """Mark a view that changes nothing although its method is not safe."""
    view.only_reads = True  # type: ignore[attr-defined]  # a mark that begin_by_method looks for
    return view


def begin_by_method(app: Flask) -> None:
    """Let each request begin its transaction as a reader or a writer, by its method."""
    app.before_request(_begin)


def _begin() -> None:
    if request.method in SAFE or request.endpoint is None:
        return
    view = current_app.view_functions[request.endpoint]
    if not getattr(view, "only_reads", False):
        begin_write(db.session())
