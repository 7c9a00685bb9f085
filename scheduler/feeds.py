"""Interface: private calendar feeds, `GET|HEAD /feeds/<token>.ics`.

Calendar clients are simple and unforgiving: a redirect, a page of HTML or an empty answer with status 200 erases what
they show, and 401 asks for a password. So every path below /feeds/ is answered here, in plain text, without a cookie:
200 or 304, the same 404 for anything that is not a token of ours, 410 for one that was switched off, 429 for too many,
503 for trouble, 405 for another method. Tokens are kept out of logs and headers.
"""

from __future__ import annotations

import gzip
import logging
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError
from werkzeug import Response
from werkzeug.http import parse_accept_header, parse_etags

from config import Settings
from scheduler.database import db, writing
from scheduler.models.calendar_feed import CalendarFeed
from scheduler.services import limits
from scheduler.services.feed import feed_events, feed_state, feeds
from scheduler.services.feed.feed_state import FeedState
from scheduler.services.limits import HOUR, Limit, Tally

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

BELOW = re.compile(r"/*feeds(?:/|\Z)")
# what people and mail programs add to an address or drop from it is forgiven
NAMED = re.compile(rf'/+feeds/+({feeds.TOKEN.pattern})(?:\.ics)?[/>,."\s]*', re.IGNORECASE)
METHODS = ("GET", "HEAD")
GUESSES = Limit("feed-guesses", most=60, per=HOUR)  # per address
FETCHES = Limit("feed-fetches", most=600, per=HOUR)  # per token: services that share addresses fetch for many
RETRY_SECONDS = 60
HEADERS = {
    "Content-Type": "text/plain; charset=utf-8",
    "Cache-Control": "private, no-cache",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}
HTTPS_ONLY = "max-age=31536000; includeSubDomains"
CALENDAR = {
    "Content-Type": "text/calendar; charset=utf-8",
    "Content-Disposition": 'inline; filename="calendar.ics"',
    "Vary": "Accept-Encoding",
}
# what a 304 says beside its tag (RFC 9110, 15.4.5): nothing of a body that it does not have
UNCHANGED = {"Cache-Control", "Vary", "Strict-Transport-Security"}

log = logging.getLogger(__name__)


def register(app: Flask) -> None:
    """Answer before Flask, which would cost more than the answer that clients want most: nothing new.

    Its router would redirect a doubled slash, accounts would read the session (and put Cookie into Vary), and both
    would answer mistakes with pages.
    """
    interface = FeedInterface(app, app.wsgi_app)
    app.extensions["feeds"] = interface
    app.wsgi_app = interface  # type: ignore[method-assign]


class FeedInterface:
    """A WSGI application that answers everything below /feeds/ and leaves the rest to the one inside."""

    def __init__(self, app: Flask, inner: WSGIApplication) -> None:
        self.app, self.inner = app, inner
        self.guesses, self.fetches = Tally(GUESSES), Tally(FETCHES, step=60)
        self.settings: Settings = app.config["SETTINGS"]
        self.headers = HEADERS | ({"Strict-Transport-Security": HTTPS_ONLY} if self.settings.https else {})
        named = (self.headers | CALENDAR).items()
        self.unchanged = [(name, value) for name, value in named if name in UNCHANGED]
        with app.app_context():
            self.engine = db.engine

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not BELOW.match(environ.get("PATH_INFO", "")):
            return self.inner(environ, start_response)
        return self._answer(environ)(environ, start_response)

    def _answer(self, environ: WSGIEnvironment) -> WSGIApplication:
        if environ["REQUEST_METHOD"] not in METHODS:
            return self._plain(405, "Only GET and HEAD.", {"Allow": ", ".join(METHODS)})
        try:
            return self._feed(environ, self.app.extensions["clock"].now())
        except Exception as error:
            # the calendar that a client has is better than any page we could show it
            log.error("a feed could not be served: %s", type(error).__name__, exc_info=error)
            return self._plain(503, "Try again later.", {"Retry-After": str(RETRY_SECONDS)})

    def _feed(self, environ: WSGIEnvironment, now: datetime) -> WSGIApplication:
        state = self._state(environ.get("PATH_INFO", ""), now)
        if state is None:
            return self._unknown(environ, now)
        if state.revoked:
            return self._plain(410, "This calendar link was turned off. Ask the clinic for a new link.")
        if self._is_over(self.fetches, str(state.feed_id), now):
            return self._too_many(FETCHES, now)
        zipped = _takes_gzip(environ.get("HTTP_ACCEPT_ENCODING", ""))
        tag = _known_tag(environ.get("HTTP_IF_NONE_MATCH"), state, zipped)
        answer = self._not_modified(tag) if tag else self._calendar(state, zipped, now)
        if not state.noted:
            self._note(environ, state, now)
        return answer

    def _state(self, path: str, now: datetime) -> FeedState | None:
        named = NAMED.fullmatch(path)
        return feed_state.look_up(self.engine, named[1], self.settings.public_url, now) if named else None

    def _calendar(self, state: FeedState, zipped: bool, now: datetime) -> Response:
        with self.app.app_context():
            feed = db.session.get_one(CalendarFeed, state.feed_id)
            body = feed_events.calendar(db.session(), feed, self.settings.public_url, now)
        sent = gzip.compress(body, 6, mtime=0) if zipped else body
        response = Response(sent, headers=self.headers | CALENDAR)
        response.set_etag(f"{state.tag}-gzip" if zipped else state.tag)
        if zipped:
            response.headers["Content-Encoding"] = "gzip"
        return response

    def _not_modified(self, tag: str) -> WSGIApplication:
        """Return the answer without a Response, whose headers take longer than finding out that nothing is new."""
        headers = [*self.unchanged, ("ETag", f'"{tag}"')]

        def answer(_: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            start_response("304 NOT MODIFIED", headers)
            return []

        return answer

    def _unknown(self, environ: WSGIEnvironment, now: datetime) -> Response:
        """Answer what is no token of ours. Guessing is counted by address; a good token behind it is not affected."""
        if self._is_over(self.guesses, limits.network(environ.get("REMOTE_ADDR")), now):
            return self._too_many(GUESSES, now)
        return self._plain(404, "Calendar not found.")

    def _too_many(self, limit: Limit, now: datetime) -> Response:
        return self._plain(429, "Too many requests.", {"Retry-After": str(limit.ends_in(now))})

    def _plain(self, status: int, words: str, headers: Mapping[str, str] = {}) -> Response:
        return Response(f"{words}\n", status=status, headers={**self.headers, **headers})

    def _is_over(self, tally: Tally, who: str, now: datetime) -> bool:
        """Count one request and tell whether it is one too many."""
        if by := tally.due(who, now):
            with writing(self.app) as session:
                tally.learn(who, limits.hit(session, tally.limit, who, now, by))
        return tally.is_over(who, now)

    def _note(self, environ: WSGIEnvironment, state: FeedState, now: datetime) -> None:
        """Note the fetch. The answer does not depend on it: a busy database is no reason to refuse."""
        try:
            with writing(self.app) as session:
                feeds.note_fetch(session, state.feed_id, environ.get("HTTP_USER_AGENT", ""), now)
        except SQLAlchemyError as error:
            log.warning("a fetch was not noted: %s", type(error).__name__)


def _known_tag(asked: str | None, state: FeedState, zipped: bool) -> str | None:
    """Return the tag by which the client has what it would get now, the one of the same encoding first."""
    if asked is None:
        return None
    tags = (f"{state.tag}-gzip", state.tag) if zipped else (state.tag, f"{state.tag}-gzip")
    for tag in tags:
        if asked == f'"{tag}"':
            return tag
    known = parse_etags(asked)
    return next((tag for tag in tags if known.contains_weak(tag)), None)


@lru_cache(maxsize=256)
def _takes_gzip(accepted: str) -> bool:
    """Tell whether an Accept-Encoding allows gzip. Programs send a handful of them, for ever the same."""
    return parse_accept_header(accepted)["gzip"] > 0
