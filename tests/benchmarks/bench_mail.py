"""How fast mail leaves, beside plain loops of smtplib to the same server: four connections against four loops.

The server answers each step after ten milliseconds, in a process of its own, as do the clocks and the loops. A clock
collects, claims, composes, passes the sending check and records; a loop only sends the same bytes. On PostgreSQL a
second clock joins. N= mails (800 unless said). Prints the ratios; each rate is the best of ROUNDS= (2), loops and
clocks in turn, because other work on the machine can only slow one down.

Memory: what a clock's process holds after a tenth, half and all of REMINDERS= (10,000), which it prints to nowhere.
"""

import multiprocessing
import os
import smtplib
import threading
import time
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import func, select

from scheduler.database import db
from scheduler.models.message import Message, MessageState
from tests.benchmarks.mail_clock import ask, run_clock, run_console_clock, run_server
from tests.chaos import crowd
from tests.engines import both

MAILS = int(os.environ.get("N", "800"))
ROUNDS = int(os.environ.get("ROUNDS", "2"))
REMINDERS = int(os.environ.get("REMINDERS", "10000"))
LOOPS = 4
DELAY = 0.01
processes = multiprocessing.get_context("spawn")


@both
def test_throughput(engine_name, app, session, harbor, tmp_path):
    clocks = (1, 2) if engine_name == "postgresql" else (1,)
    best = dict.fromkeys(clocks, 0.0)
    plain = 0.0
    with _process(run_server, DELAY) as server:
        port = ask(server, "port")
        for _ in range(ROUNDS):
            for number in clocks:
                best[number] = max(
                    best[number], _clocks(app, session, harbor, tmp_path, server, port, number)
                )
            plain = max(plain, _plain(server, port))
    for number in clocks:
        print(f"\nmail on {engine_name}, clocks: {number}: {best[number]:.0f}/s, {LOOPS} plain loops {plain:.0f}/s,"
              f" ratio {best[number] / plain:.2f}", end="")  # fmt: skip
    print()


def test_memory(app, session, harbor, tmp_path):
    crowd.gather(session, harbor.clinic, REMINDERS)
    session.close()
    url = app.config["SETTINGS"].database_url
    marks = (REMINDERS // 10, REMINDERS // 2, REMINDERS * 99 // 100)
    with _process(run_console_clock, str(tmp_path), url) as clock:
        process = clock.recv()
        print(f"\nmemory of a clock: {_resident(process):.0f} MB at the start", end="", flush=True)
        clock.send("go")
        for mark in marks:
            while _sent() < mark:
                time.sleep(0.5)
            print(f", {_resident(process):.0f} MB after {mark:,}", end="", flush=True)
        assert clock.recv() == f"sent {REMINDERS}"
    print()


def _sent():
    query = select(func.count()).where(Message.state == MessageState.SENT)
    count = db.session.scalar(query)
    db.session.rollback()
    return count


def _resident(process):
    status = Path(f"/proc/{process}/status").read_text().splitlines()
    line = next(one for one in status if one.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def _clocks(app, session, harbor, folder, server, port, number):
    """Return the mails a second of so many clocks that begin together."""
    people = ask(server, "count")
    crowd.gather(session, harbor.clinic, MAILS, first=people)
    url = app.config["SETTINGS"].database_url
    with _several(number, run_clock, str(folder), url, port, LOOPS) as clocks:
        for clock in clocks:
            clock.recv()
        began = time.monotonic()
        for clock in clocks:
            clock.send("go")
        for clock in clocks:
            clock.recv()
        seconds = time.monotonic() - began
    assert ask(server, "count") == people + MAILS
    unsent = select(func.count()).where(Message.state != MessageState.SENT)
    assert db.session.scalar(unsent) == 0
    db.session.rollback()
    return MAILS / seconds


def _plain(server, port):
    """Return the mails a second of plain loops, each on its own connection."""
    content = ask(server, "content")

    def loop(first):
        with smtplib.SMTP("127.0.0.1", port) as smtp:
            for number in range(first, MAILS, LOOPS):
                smtp.sendmail("clinic@seriate.example", f"q{number}@example.org", content)

    before = ask(server, "count")
    threads = [threading.Thread(target=loop, args=(number,)) for number in range(LOOPS)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - began
    assert ask(server, "count") == before + MAILS
    return MAILS / seconds


@contextmanager
def _several(number, work, *arguments):
    if number == 0:
        yield []
        return
    with _process(work, *arguments) as first, _several(number - 1, work, *arguments) as others:
        yield [first, *others]


@contextmanager
def _process(work, *arguments):
    """Run `work` in a process of its own; give our end of the pipe between us. It ends when the pipe closes."""
    ours, theirs = processes.Pipe()
    process = processes.Process(target=work, args=(theirs, *arguments), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours
    finally:
        ours.close()
        process.join(30)
        if process.is_alive():
            process.kill()
