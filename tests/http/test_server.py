"""The web server against clients that are slow, broken or gone, and processes that are killed."""

import os
import signal
import socket
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from waitress import wasyncore
from waitress.adjustments import Adjustments

from scheduler.http.server import UNREAD_SECONDS, Server, TimedChannel
from tests.http.served import read, served, wait
from tests.http.small_app import app
from tools.processes import LOOPBACK

HEAD = b"POST /visits HTTP/1.1\r\nHost: x\r\n"
SLOW_BODY = HEAD + b"Content-Length: 1000\r\n\r\nemail="
SLOW_HEAD = HEAD + b"X-Slow: a"


@pytest.fixture(scope="module")
def server():
    with served() as running:
        yield running


def chunked(path, size):
    part = b"2710\r\n" + b"a" * 10_000 + b"\r\n"
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    return head + part * (size // 10_000) + b"0\r\n\r\n"


def sized(path, size):
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode()


@pytest.mark.parametrize("start", [SLOW_BODY, SLOW_HEAD], ids=["body", "head"])
def test_fifty_slow_clients_take_no_thread_from_others(server, start):
    slow = [server.open(start) for _ in range(50)]

    began = time.monotonic()
    statuses = [server.get()[0] for _ in range(10)]
    took = time.monotonic() - began
    for line in slow:
        line.close()

    assert statuses == [200] * 10
    assert took < 5


@pytest.mark.parametrize("start", [SLOW_BODY, SLOW_HEAD], ids=["body", "head"])
def test_a_client_that_goes_on_too_slowly_is_cut_off(start):
    with served(HEAD_SECONDS=1.0, BODY_SECONDS=1.0) as server, server.open(start) as line:
        threading.Thread(target=drip, args=[line], daemon=True).start()
        began = time.monotonic()
        answer = read(line)
        took = time.monotonic() - began

    assert answer.startswith(b"HTTP/1.")
    assert b" 408 " in answer.splitlines()[0]
    assert took < 10


def drip(line):
    try:
        while True:
            line.sendall(b"a")
            time.sleep(0.2)
    except OSError:
        pass


def test_a_connection_that_asks_nothing_more_is_closed():
    with served(IDLE_SECONDS=1.0) as server, server.open() as line:
        assert read(line) == b""


def test_more_slow_clients_than_connections_leave_room_for_another():
    with served(CONNECTIONS=40, CROWDED=30) as server:
        slow = [server.open(SLOW_HEAD) for _ in range(80)]
        began = time.monotonic()
        status = server.get()[0]
        took = time.monotonic() - began
        for line in slow:
            line.close()

    assert status == 200
    assert took < 10


def test_a_client_that_does_not_read_its_answer_releases_the_thread():
    with (
        served(threads=1, UNREAD_SECONDS=1.0) as server,
        server.open(b"GET /long HTTP/1.1\r\nHost: x\r\n\r\n"),
    ):
        time.sleep(0.5)
        began = time.monotonic()
        assert server.get()[0] == 200
        assert time.monotonic() - began < 15


def test_the_time_to_read_an_answer_begins_with_the_answer():
    held = {}
    listening = socket.create_server((LOOPBACK, 0))
    info = (listening.family, listening.type, listening.proto, listening.getsockname())
    settings = Adjustments(sockets=[listening])
    server = Server(app, held, False, listening, adj=settings, sockinfo=info, bind_socket=False)
    ours, theirs = socket.socketpair()
    channel = TimedChannel(server, ours, "client", settings, held)
    with theirs, ExitStack() as stack:
        stack.callback(wasyncore.close_all, held)
        with suppress(BlockingIOError):
            while ours.send(b"x" * 65_536):
                pass  # until nothing more fits: the answer then stays in the server
        channel.heard = (
            time.monotonic() - UNREAD_SECONDS - 60
        )  # the request has waited that long for a thread

        channel.write_soon(b"answer")

        assert channel.total_outbufs_len
        assert not channel.is_overdue(time.monotonic())
        assert channel.is_overdue(time.monotonic() + UNREAD_SECONDS + 1)


@pytest.mark.parametrize(
    ("sent", "ends", "status"),
    [
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n", False, 400),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabc", True, 400),
        (SLOW_BODY, True, 400),
        (HEAD + b"X: " + b"a" * 40_000 + b"\r\n\r\n", False, 431),
        (sized("/visits", 100_001), False, 413),
        (sized("/account/forgotten", 100_001), False, 413),
        (sized("/api/v1/patients", 1_000_001), False, 413),
        (sized("/settings/imports", 21_000_001), False, 413),
        (sized("/api/v1/imports/patients", 50_000_001), False, 413),
        (chunked("/visits", 150_000), False, 413),
    ],
    ids=[
        "chunk-size",
        "chunk-cut",
        "body-cut",
        "head",
        "page",
        "mail",
        "api",
        "import",
        "api-import",
        "chunked",
    ],
)
def test_a_broken_or_too_large_request_is_refused_by_name(server, sent, ends, status):
    first = server.raw(sent, ends=ends).splitlines()[0]

    assert first.split()[1] == str(status).encode()


def test_a_client_that_goes_on_sending_sees_why_it_was_refused(server):
    began = time.monotonic()
    with server.open(sized("/visits", 8_000_000) + b"a" * 8_000_000) as line:  # a reset would raise here
        answer = read(line)

    assert answer.split()[1] == b"413"
    assert b"larger than this address takes" in answer
    assert time.monotonic() - began < 10


def test_a_refused_client_that_never_stops_is_cut_off(server):
    with server.open(sized("/visits", 10**12)) as line:
        threading.Thread(target=drip, args=[line], daemon=True).start()
        began = time.monotonic()
        answer = read(line)
        while time.monotonic() - began < 20 and Path(f"/proc/{server.process.pid}").exists():
            try:
                line.sendall(b"a")
            except OSError:
                break
            time.sleep(0.1)

    assert answer.split()[1] == b"413"
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    "sent",
    [
        chunked("/visits", 90_000),
        chunked("/api/v1/patients", 900_000),
        chunked("/settings/imports", 2_000_000),
    ],
    ids=["page", "api", "import"],
)
def test_a_body_within_its_limit_arrives_whole(server, sent):
    size = str(sent.count(b"a" * 10_000) * 10_000).encode()
    with server.open(sent.replace(b"Host: x", b"Host: x\r\nConnection: close")) as line:
        answer = read(line)

    assert size in answer.rpartition(b"\r\n\r\n")[2]


def test_a_program_is_refused_with_a_problem(server):
    answer = server.raw(sized("/api/v1/patients", 1_000_001))

    assert b"application/problem+json" in answer
    assert b'"code": "too-large"' in answer


def test_forwarded_headers_reach_the_application_as_they_came(server):
    answer = server.get("/", **{"X-Forwarded-For": "192.0.2.7, 192.0.2.8", "X-Forwarded-Proto": "https"})[1]

    assert answer.endswith(" 192.0.2.7, 192.0.2.8 https")


def test_a_killed_process_is_replaced_and_the_others_answer():
    with served(workers=2) as server:
        before = server.children()
        os.kill(before[0], signal.SIGKILL)
        statuses = [server.get()[0] for _ in range(5)]
        wait(lambda: len(server.children()) == 2 and before[0] not in server.children())

    assert statuses == [200] * 5
    assert len(before) == 2


def test_an_end_waits_for_the_answers_that_are_being_made():
    with served() as server:
        with server.open(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n") as line, server.open(SLOW_HEAD):
            time.sleep(0.5)
            server.process.send_signal(signal.SIGTERM)
            answer = read(line)
        code = server.process.wait(30)

    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert code == 0


def test_processes_end_with_a_parent_that_was_killed():
    with served(workers=2) as server:
        children = server.children()
        server.process.kill()
        server.process.wait()
        wait(lambda: not any(is_alive(pid) for pid in children))


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
