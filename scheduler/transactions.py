"""When a request's transaction begins, how it ends, and when it is tried again.

A request that may change something reads first: its body, within limits; its CSRF token; the session or API token of
the caller. Only then, right before its view, does it begin as a writer, so that on SQLite no one waits for a client
that sends slowly or is unknown. What it reads from then on stays true until it commits; the checks of the caller marked
with `again_as_writer` are made once more, because it may have waited seconds for its turn. A view that only computes
although it is asked by POST (a proposal) is marked with `only_reads`; one that looks at a password before it writes is
marked with `reads_first`, so that no one waits for the slow hash. An interface commits once; the rest is rolled back.

A writer that the database turned away only because of another writer (SQLite busy; PostgreSQL's deadlock, 40P01, and
serialization failure, 40001) is run again a few times from its beginning: nothing of it was kept.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from typing import Any, TypeVar

from flask import Flask, current_app, request
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from scheduler.database import begin_write, db, writing
from scheduler.http import body
from scheduler.services.progress import Part, Progress

View = TypeVar("View", bound=Callable[..., Any])
TURN_SECONDS = 0.1  # longer than a writer that waits on SQLite takes to ask again
SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
PAUSES = (0.02, 0.1, 0.4)  # seconds before the second, third and last try
TURNED_AWAY = frozenset({"40P01", "40001"})


def only_reads(view: View) -> View:
    """Mark a view that changes nothing although its method is not safe."""
    view.only_reads = True  # type: ignore[attr-defined]  # a mark that repeat_writes looks for
    return view


def reads_first(view: View) -> View:
    """Mark a view that begins as a reader and calls `write_now` itself, once what takes long is over."""
    view.reads_first = True  # type: ignore[attr-defined]  # as above
    return view


def again_as_writer(check: View) -> View:
    """Mark a `before_request` function that is called again once the request has its turn as a writer."""
    check.again_as_writer = True  # type: ignore[attr-defined]  # as above
    return check


def write_now() -> None:
    """Go on as a writer. What was read before is read again when it is looked at again."""
    db.session.rollback()
    begin_write(db.session())


def take_turns() -> None:
    """Keep what is written so far, let those write who wait for it, and go on as a writer."""
    db.session.commit()
    time.sleep(TURN_SECONDS)
    begin_write(db.session())


@contextmanager
def stored_in_parts(
    parts: Iterable[Part],
    discard: Callable[[Session], int],
    progress: Progress,
) -> Iterator[None]:
    """Store something large part by part, so that others can write in between, before the block makes it count.

    When the block fails, `discard` is called until it deletes nothing. The session of the request or job must hold no
    connection meanwhile.
    """
    is_any_stored = False
    try:
        for part in parts:
            with writing() as session:
                part.store(session)
            is_any_stored = True
            progress("stored", part.done, part.total)
            time.sleep(TURN_SECONDS)
        yield
    except BaseException:
        db.session.rollback()
        with suppress(SQLAlchemyError):  # the clock's job prune will delete what is left
            if is_any_stored:
                _discard(discard)
        raise


def _discard(some: Callable[[Session], int]) -> None:
    deleted = 1
    while deleted:
        with writing() as session:
            deleted = some(session)
        time.sleep(TURN_SECONDS)


def repeat_writes(app: Flask) -> None:
    """Let every view that may write begin as a writer, and try again when another writer was in its way.

    Call it after the last interface is registered.
    """
    writing = {rule.endpoint for rule in app.url_map.iter_rules() if (rule.methods or SAFE) - SAFE}
    for endpoint in writing:
        app.view_functions[endpoint] = _repeated(app.view_functions[endpoint])


def is_contention(error: OperationalError) -> bool:
    """Tell whether the database refused only because of another writer."""
    if getattr(error.orig, "sqlstate", None) in TURNED_AWAY:
        return True
    return str(error.orig).startswith(("database is locked", "database table is locked"))


def _repeated(view: View) -> View:
    @wraps(view)
    def attempt(*args: Any, **kwargs: Any) -> Any:
        if request.method in SAFE:
            return view(*args, **kwargs)
        body.read()
        if getattr(view, "only_reads", False):
            return view(*args, **kwargs)
        for pause in (*PAUSES, None):
            if not getattr(view, "reads_first", False) and (refusal := _begin()) is not None:
                return refusal
            try:
                return view(*args, **kwargs)
            except OperationalError as error:
                if pause is None or not is_contention(error):
                    raise
            db.session.rollback()
            time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311  (so that two do not meet again)
        raise AssertionError("the last try returns or raises")

    return attempt  # type: ignore[return-value]  # wraps keeps the view's signature


def _begin() -> Any:
    """Begin as a writer and check the caller again; return what a check answers instead of the view."""
    write_now()
    for name in (None, *reversed(request.blueprints)):
        for check in current_app.before_request_funcs.get(name, ()):
            if getattr(check, "again_as_writer", False) and (refusal := check()) is not None:
                return refusal
    return None
