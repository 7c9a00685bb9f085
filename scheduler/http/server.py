"""The web server: waitress in several processes that share one listening socket.

Waitress receives heads and bodies in one loop per process and gives a request to a thread only when all of it has
arrived, so a slow client costs a connection and never a thread. This module adds what waitress leaves open: a deadline
for every request that is arriving, room for new connections while many arrive slowly, a body limit by path, an answer
when the disk is full or the body is cut off, a graceful end, and a parent that replaces processes that died.

`X-Forwarded-*` is passed on as received: Flask's ProxyFix (TRUSTED_PROXIES) alone decides what is believed.
"""

from __future__ import annotations

import copy
import errno
import json
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING, Any

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import TcpWSGIServer
from waitress.task import ErrorTask, ThreadedTaskDispatcher, WSGITask
from waitress.utilities import Error

from scheduler.http import body

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

THREADS = 8
HEAD_SECONDS = 15.0  # from the first byte of a request to the end of its head
BODY_SECONDS = 30.0  # from the first byte of a request to its end, and a second more for each SLOWEST bytes
SLOWEST = 10_000  # bytes a second that a body must bring to be waited for any longer
IDLE_SECONDS = 75  # between two requests of a connection; a proxy that keeps connections closes them earlier
UNREAD_SECONDS = 120  # for a client that does not read its answer
LINGER_SECONDS = 2.0  # in which what a refused client still sends is dropped
LONGEST_HEAD = 32_768  # bytes
CONNECTIONS = 500  # of one process
CROWDED = CONNECTIONS * 9 // 10  # from here on the oldest connections without a complete request are closed
GRACE_SECONDS = 20.0  # for answers that are being made when the server ends
OWN_ERRORS = {  # what the parser refuses: name, reason, words
    400: ("bad-request", "Bad Request", ""),
    413: ("too-large", "Content Too Large", "The request is larger than this address takes."),
    431: ("too-long", "Request Header Fields Too Large", "The head of the request is too long."),
    501: ("not-implemented", "Not Implemented", ""),
}
FULL = (errno.ENOSPC, errno.EDQUOT)
ENDS = (signal.SIGTERM, signal.SIGINT)

log = logging.getLogger(__name__)


class Refused(Error):  # type: ignore[misc]  # waitress has no types
    """An error that the server itself answers, as a problem (RFC 9457) to programs and in plain text to others."""

    def __init__(self, code: int, reason: str, name: str, words: str, path: str) -> None:
        super().__init__(words)
        self.code, self.reason, self.name, self.path = code, reason, name, path

    def to_response(self, ident: str | None = None) -> tuple[str, list[tuple[str, str]], bytes]:
        """Return status, headers and body."""
        del ident
        headers = [("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff")]
        if self.code == 503:
            headers.append(("Retry-After", "60"))
        if self.path.startswith("/api/"):
            kind = "application/problem+json"
            problem = {"title": self.reason, "status": self.code, "detail": self.body, "code": self.name}
            text = json.dumps(problem)
        else:
            kind, text = "text/plain; charset=utf-8", f"{self.body}\n"
        return f"{self.code} {self.reason}", [("Content-Type", kind), *headers], text.encode()


class Parser(HTTPRequestParser):  # type: ignore[misc]
    """One request as it arrives, with the body limit of its path."""

    path = ""
    adj: Any
    error: Any

    def parse_header(self, header_plus: bytes) -> None:
        """Read the head, then limit the body."""
        super().parse_header(header_plus)
        self.adj = copy.copy(self.adj)
        self.adj.max_request_body_size = body.limit(self.path) + 1  # waitress refuses what reaches it

    def received(self, data: bytes) -> int:
        """Take bytes of the request; return how many were taken."""
        taken: int = super().received(data)
        if self.error is not None and not isinstance(self.error, Refused):
            name, reason, words = OWN_ERRORS[self.error.code]
            self.error = Refused(self.error.code, reason, name, words or f"{self.error.body}.", self.path)
        return taken


class WatchedTask(WSGITask):  # type: ignore[misc]
    """One answer of the application, noted in the log at level debug."""

    def finish(self) -> None:
        """End the answer."""
        super().finish()
        asked = self.request
        query = f"?{asked.query}" if asked.query else ""
        log.debug("%s %s%s %s", asked.command, asked.path, query, self.status)


class RefusalTask(ErrorTask):  # type: ignore[misc]
    """One refusal by the server itself."""

    def execute(self) -> None:
        """Answer, and let the client read it."""
        self.channel.is_refused = True
        super().execute()


class TimedChannel(HTTPChannel):  # type: ignore[misc]
    """One connection."""

    parser_class = Parser
    task_class = WatchedTask
    error_task_class = RefusalTask
    is_refused = False
    lingers_until: float | None = None
    request: Any

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self.began = self.heard = time.monotonic()
        super().__init__(*arguments, **named)

    @property
    def is_waiting(self) -> bool:
        """Whether the next step is the client's: no complete request is here and no answer is left to send."""
        return not self.requests and not self.total_outbufs_len

    def is_overdue(self, now: float) -> bool:
        """Tell whether the client has had its time for the next step."""
        if self.lingers_until is not None:
            return now > self.lingers_until
        if self.total_outbufs_len:
            return now - self.heard > UNREAD_SECONDS
        if not self.is_waiting:
            return False
        if self.request is None:
            return now - self.heard > IDLE_SECONDS
        if not self.request.headers_finished:
            return now - self.began > HEAD_SECONDS
        allowed: float = BODY_SECONDS + self.request.body_bytes_received / SLOWEST
        return now - self.began > allowed

    def handle_read(self) -> None:
        """Receive; a client that ends in the middle of a request is answered 400, if it still listens."""
        try:
            data = self.socket.recv(self.adj.recv_bytes)
        except BlockingIOError:
            return
        except OSError:
            self.handle_close()
            return
        if self.lingers_until is not None:
            if not data:
                self.handle_close()
        elif data:
            self.heard = time.monotonic()
            self.received(data)
        elif self.request is not None and self.is_waiting:
            self.refuse(400, "Bad Request", "bad-request", "The request ended before it was complete.")
        else:
            self.handle_close()

    def readable(self) -> bool:
        """Tell whether bytes of the client are wanted."""
        return self.lingers_until is not None or bool(super().readable())

    def writable(self) -> bool:
        """Tell whether there is something to send, or the connection is to be closed."""
        return self.will_close if self.lingers_until is not None else bool(super().writable())

    def handle_close(self) -> None:
        """Close. After a refusal only when the client has stopped sending, or has had LINGER_SECONDS.

        The system resets a connection that is closed while bytes still arrive: a proxy then answers 502 instead.
        """
        if self.is_refused and self.lingers_until is None and self.connected and not self.total_outbufs_len:
            with suppress(OSError):
                self.socket.shutdown(socket.SHUT_WR)
                self.lingers_until, self.will_close = time.monotonic() + LINGER_SECONDS, False
                return
        super().handle_close()

    def write_soon(self, data: Any) -> int:
        """Take bytes of the answer; the client's time to read begins with the first that it has not had."""
        if not self.total_outbufs_len:
            self.heard = time.monotonic()
        taken: int = super().write_soon(data)
        return taken

    def _flush_some(self, do_close: bool = True) -> bool:
        sent: bool = super()._flush_some(do_close=do_close)
        if sent:
            self.heard = time.monotonic()
        return sent

    def received(self, data: bytes) -> bool:
        """Take bytes of one request or more."""
        before = self.request
        try:
            taken: bool = super().received(data)
        except OSError as error:
            if error.errno not in FULL:
                raise
            log.error("a request could not be stored: %s", error.strerror)
            words = "The disk of the server is full. Nothing was changed."
            self.refuse(503, "Service Unavailable", "storage-full", words)
            return False
        if self.request is not before:
            self.began = time.monotonic()
        return taken

    def refuse(self, code: int, reason: str, name: str, words: str) -> None:
        """Answer the request that is arriving with an error, and close."""
        with self.requests_lock:
            request, self.request = self.request, None
            request.error = Refused(code, reason, name, words, request.path)
            request.completed = True
            self.requests.append(request)
            self.server.add_task(self)


class Server(TcpWSGIServer):  # type: ignore[misc]
    """One process's part of the web server."""

    channel_class = TimedChannel

    def maintenance(self, now: float) -> None:
        """Close connections whose client has had its time, and the oldest waiting ones when there are too many."""
        del now
        moment = time.monotonic()
        channels = list(self.active_channels.values())
        waiting = sorted((one for one in channels if one.is_waiting), key=lambda one: one.began)
        for one in waiting[: max(len(channels) - CROWDED, 0)]:
            one.will_close = True
        for one in channels:
            if one.will_close or not one.is_overdue(moment):
                continue
            if one.is_waiting and one.request is not None:
                one.refuse(408, "Request Timeout", "too-slow", "The request did not arrive in time.")
            else:
                one.handle_close()  # an answer that is not read never becomes writable; its thread is released

    def serve(self, is_ending: Callable[[], bool]) -> None:
        """Serve until the end is asked for; then answer what has arrived completely, and return."""
        while not is_ending():
            self._loop(1.0)
        wasyncore.dispatcher.close(self)  # no new connections
        self._loop(0.0)  # what has arrived already is a request, not an idle connection
        last = time.monotonic() + GRACE_SECONDS
        while self.active_channels and time.monotonic() < last:
            for one in list(self.active_channels.values()):
                one.will_close = one.will_close or one.is_waiting
            self._loop(0.1)
        self.task_dispatcher.shutdown(timeout=1)

    def _loop(self, seconds: float) -> None:
        wasyncore.loop(timeout=seconds, map=self._map, use_poll=True, count=1)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens. Raises OSError when the port is in use."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=1024)


def make(app: WSGIApplication, listening: socket.socket, threads: int = THREADS) -> Server:
    """Return one process's part of the web server, to be run with `serve`."""
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a short queue is no news
    settings = Adjustments(
        clear_untrusted_proxy_headers=False,
        ident="",
        max_request_header_size=LONGEST_HEAD,
        max_request_body_size=body.LARGEST,
        connection_limit=CONNECTIONS,
        cleanup_interval=1,
        asyncore_use_poll=True,
        log_socket_errors=False,
        sockets=[listening],
    )
    dispatcher = ThreadedTaskDispatcher()
    dispatcher.set_thread_count(threads)
    info = (listening.family, listening.type, listening.proto, listening.getsockname())
    return Server(
        app, {}, True, listening, dispatcher=dispatcher, adj=settings, bind_socket=False, sockinfo=info
    )


def serve(app: WSGIApplication, listening: socket.socket, workers: int, threads: int = THREADS) -> None:
    """Serve in so many processes until SIGTERM or SIGINT; a process that dies is replaced.

    The application is made once and shared by forking. A child ends by itself when its parent is gone.
    """
    signal.signal(signal.SIGCHLD, lambda *_: None)  # so that it is delivered to sigwait
    awaited = {signal.SIGCHLD, *ENDS}
    signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
    alive, parent_end = os.pipe()
    born: dict[int, float] = {}

    def start() -> None:
        if pid := os.fork():
            born[pid] = time.monotonic()
            return
        code = 1
        try:
            os.close(parent_end)
            _work(app, listening, threads, alive, awaited)
            code = 0
        except Exception:
            log.exception("a web process broke")
        finally:
            os._exit(code)

    for _ in range(workers):
        start()
    while signal.sigwait(awaited) not in ENDS:
        for pid in _ended(born):
            log.warning("web process %s ended and is replaced", pid)
            if time.monotonic() - born.pop(pid) < 1:
                time.sleep(1)  # one that cannot start is not started in a tight loop
            start()
    listening.close()
    _stop(born)


def _ended(born: dict[int, float]) -> list[int]:
    """Return the processes that have ended since."""
    return [pid for pid in born if os.waitpid(pid, os.WNOHANG)[0]]


def _stop(born: dict[int, float]) -> None:
    """End the processes: politely, then by force."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        for pid in born:
            os.kill(pid, sign)  # not yet waited for, so it is still ours
        last = time.monotonic() + GRACE_SECONDS + 5
        while born and time.monotonic() < last:
            for pid in _ended(born):
                del born[pid]
            time.sleep(0.02)


def _work(
    app: WSGIApplication, listening: socket.socket, threads: int, alive: int, awaited: set[signal.Signals]
) -> None:
    """Be one of the processes."""
    ending = threading.Event()
    server = make(app, listening, threads)

    def end(number: int = 0, frame: FrameType | None = None) -> None:
        del number, frame
        ending.set()
        server.pull_trigger()

    def watch_parent() -> None:
        os.read(alive, 1)  # nothing is ever written: it returns when the parent is gone
        end()

    threading.Thread(target=watch_parent, daemon=True).start()
    signal.signal(signal.SIGTERM, end)
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C reaches the whole group; the parent passes on what it means
    signal.pthread_sigmask(signal.SIG_UNBLOCK, awaited)
    server.serve(ending.is_set)
