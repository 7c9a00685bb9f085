"""Door: private calendar feeds, `GET|HEAD /feeds/<token>.ics`.

Calendar clients are simple and unforgiving: a redirect, a page of HTML or an empty answer with status 200 erases what
they show, and 401 asks for a password. So every path below /feeds/ is answered here, in plain text, without a cookie:
200 or 304, the same 404 for whatever is not a token of ours, 410 for one that was switched off, 429 for too many, 503
for trouble, 405 for another method. Tokens are kept out of logs and headers.
"""

from __future__ import annotations

import gzip
import logging
from collections.abc import Mapping
from datetime import datetime

from flask import Flask, Request, Response, current_app, request
from flask.sessions import SessionInterface, SessionMixin
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from config import Settings
from scheduler import clock
from scheduler.database import begin_write, db
from scheduler.models.calendar_feed import CalendarFeed
from scheduler.services import feed_events, feed_state, feeds, limits
from scheduler.services.feed_state import FeedState
from scheduler.services.limits import HOUR, Limit, Tally

PREFIX = "/feeds/"
METHODS = ("GET", "HEAD")
GUESSES = Limit("feed-guesses", most=60, per=HOUR)  # per address
FETCHES = Limit("feed-fetches", most=600, per=HOUR)  # per token: services that share addresses fetch for many
RETRY_SECONDS = 60
HEADERS = {
    "Content-Type": "text/plain; charset=utf-8",
    "Cache-Control": "private, no-cache",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}
CALENDAR = {
    "Content-Type": "text/calendar; charset=utf-8",
    "Content-Disposition": 'inline; filename="calendar.ics"',
    "Vary": "Accept-Encoding",
}

log = logging.getLogger(__name__)


def register(app: Flask) -> None:
    """Hang the door in, before whatever else looks at a request.

    The router would redirect a doubled slash, accounts would read the session (and put Cookie into Vary), and both
    would answer mistakes with pages.
    """
    app.extensions["feed_limits"] = (Tally(GUESSES), Tally(FETCHES, step=60))
    app.before_request_funcs.setdefault(None, []).insert(0, show)
    app.session_interface = NoSessionHere(app.session_interface)


class NoSessionHere(SessionInterface):
    """Gives requests below /feeds/ an empty session that is never kept, whoever looks into it."""

    def __init__(self, inner: SessionInterface) -> None:
        self.inner = inner

    def open_session(self, app: Flask, request: Request) -> SessionMixin | None:
        return self.make_null_session(app) if _is_ours(request) else self.inner.open_session(app, request)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        self.inner.save_session(app, session, response)


def show() -> Response | None:
    """Answer a request below /feeds/; leave any other to the doors it is for."""
    if not _is_ours(request):
        return None
    if request.method not in METHODS:
        return _plain(405, "Only GET and HEAD.", {"Allow": ", ".join(METHODS)})
    try:
        return _answer(request.path.removeprefix(PREFIX), clock.now())
    except Exception as error:
        # the calendar that a client has is better than any page we could show it
        db.session.rollback()
        log.error("a feed could not be served: %s", type(error).__name__, exc_info=error)
        return _plain(503, "Try again later.", {"Retry-After": str(RETRY_SECONDS)})


def _is_ours(request: Request) -> bool:
    return f"{request.path}/".startswith(PREFIX)


def _answer(name: str, now: datetime) -> Response:
    token = name.removesuffix(".ics")
    settings: Settings = current_app.config["SETTINGS"]
    state = None
    if name.endswith(".ics") and feeds.is_token(token):
        state = feed_state.look_up(db.engine, token, settings.public_url, now)
    if state is None:
        return _unknown(now)
    if state.revoked:
        return _plain(410, "This calendar was switched off. Ask the clinic for a new address.")
    if _is_over(_fetches(), str(state.feed_id), now):
        return _too_many(FETCHES, now)
    answer = _calendar(state, settings.public_url, now)
    _note(state, now)
    return answer


def _calendar(state: FeedState, public_url: str, now: datetime) -> Response:
    zipped = request.accept_encodings["gzip"] > 0
    own = f"{state.tag}-gzip" if zipped else state.tag
    for tag in (own, state.tag, f"{state.tag}-gzip"):
        if request.if_none_match.contains_weak(tag):
            return _not_modified(tag)
    body = feed_events.calendar(
        db.session(), db.session.get_one(CalendarFeed, state.feed_id), public_url, now
    )
    response = Response(gzip.compress(body, 6, mtime=0) if zipped else body, headers={**HEADERS, **CALENDAR})
    response.set_etag(own)
    if zipped:
        response.headers["Content-Encoding"] = "gzip"
    return response


def _not_modified(tag: str) -> Response:
    response = Response(status=304, headers={**HEADERS, **CALENDAR})
    del response.headers["Content-Type"]
    response.set_etag(tag)
    return response


def _unknown(now: datetime) -> Response:
    """Answer what is no token of ours. Guessing is counted by address; a good token behind it is not affected."""
    if _is_over(_guesses(), limits.network(request.remote_addr), now):
        return _too_many(GUESSES, now)
    return _plain(404, "There is no such calendar.")


def _is_over(tally: Tally, who: str, now: datetime) -> bool:
    """Count one request and tell whether it is one too many; those who are known to be over cost no write."""
    if not tally.is_over(who, now) and (by := tally.due(who, now)):
        session = _writer()
        tally.learn(who, limits.hit(session, tally.limit, who, now, by))
        session.commit()
    return tally.is_over(who, now)


def _guesses() -> Tally:
    tally: Tally = current_app.extensions["feed_limits"][0]
    return tally


def _fetches() -> Tally:
    tally: Tally = current_app.extensions["feed_limits"][1]
    return tally


def _writer() -> Session:
    """Return the session at the beginning of a writing transaction: a GET begins as a reader."""
    session = db.session()
    session.rollback()
    begin_write(session)
    return session


def _too_many(limit: Limit, now: datetime) -> Response:
    return _plain(429, "Too many requests.", {"Retry-After": str(limit.ends_in(now))})


def _note(state: FeedState, now: datetime) -> None:
    """Note the fetch. The answer does not depend on it: a busy database is no reason to refuse."""
    if state.noted:
        return
    try:
        session = _writer()
        feeds.note_fetch(session, state.feed_id, request.user_agent.string, now)
        session.commit()
    except SQLAlchemyError as error:
        db.session.rollback()
        log.warning("a fetch was not noted: %s", type(error).__name__)


def _plain(status: int, words: str, headers: Mapping[str, str] = {}) -> Response:
    return Response(f"{words}\n", status=status, headers={**HEADERS, **headers})
