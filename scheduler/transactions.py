"""When a request's transaction begins, how it ends, and when it is tried again.

A request that may change something begins as a writer before anything is read, so that on SQLite it waits for its
turn instead of failing in the middle, and what it reads stays true until it commits. A view that only computes although
it is asked by POST (a proposal) is marked with `only_reads`; one that looks at a password before it writes is marked
with `reads_first`, so that nobody waits for the slow hash. A door commits once; the rest is rolled back.

A writer that the database turned away only because of another writer (SQLite busy; PostgreSQL's deadlock, 40P01, and
serialization failure, 40001) is run again a few times from its beginning: nothing of it was kept.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from flask import Flask, current_app, request
from sqlalchemy.exc import OperationalError

from scheduler.database import begin_write, db

View = TypeVar("View", bound=Callable[..., Any])
TURN_SECONDS = 0.1  # longer than a writer that waits on SQLite takes to ask again
SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
PAUSES = (0.02, 0.1, 0.4)  # seconds before the second, third and last try
TURNED_AWAY = frozenset({"40P01", "40001"})


def only_reads(view: View) -> View:
    """Mark a view that changes nothing although its method is not safe."""
    view.only_reads = True  # type: ignore[attr-defined]  # a mark that begin_by_method looks for
    return view


def reads_first(view: View) -> View:
    """Mark a view that begins as a reader and calls `write_now` itself, once what takes long is over."""
    view.reads_first = True  # type: ignore[attr-defined]  # as above
    return view


def write_now() -> None:
    """Go on as a writer. What was read before is read anew when it is looked at again."""
    db.session.rollback()
    begin_write(db.session())


def take_turns() -> None:
    """Keep what is written so far, let those write who wait for it, and go on as a writer."""
    db.session.commit()
    time.sleep(TURN_SECONDS)
    begin_write(db.session())


def begin_by_method(app: Flask) -> None:
    """Let each request begin its transaction as a reader or a writer, by its method."""
    app.before_request(_begin)


def _begin() -> None:
    if request.method in SAFE or request.endpoint is None:
        return
    view = current_app.view_functions[request.endpoint]
    if not (getattr(view, "only_reads", False) or getattr(view, "reads_first", False)):
        begin_write(db.session())


def repeat_writes(app: Flask) -> None:
    """Let every view that may write be tried again when another writer was in its way. Call it after the last door."""
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
        if request.method in SAFE or getattr(view, "only_reads", False):
            return view(*args, **kwargs)
        for pause in PAUSES:
            try:
                return view(*args, **kwargs)
            except OperationalError as error:
                if not is_contention(error):
                    raise
            db.session.rollback()
            time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311  (so that two do not meet again)
            if not getattr(view, "reads_first", False):
                begin_write(db.session())
        return view(*args, **kwargs)

    return attempt  # type: ignore[return-value]  # wraps keeps the view's signature
