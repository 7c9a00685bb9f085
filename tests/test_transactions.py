import threading
from contextvars import Context

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from scheduler import database, transactions
from scheduler.database import begin_write, db


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
@pytest.mark.parametrize("pauses", [(0.02, 0.1), ()])
def test_a_writer_in_a_deadlock_is_tried_again(app, pauses, monkeypatch):
    monkeypatch.setattr(transactions, "PAUSES", pauses)
    meet = threading.Barrier(2, timeout=20)
    tries = {"ab": 0, "ba": 0}

    @app.post("/lock/<order>")
    def lock(order):
        tries[order] += 1
        lock_row(order[0])
        if tries[order] == 1:
            meet.wait()
        lock_row(order[1])
        db.session.commit()
        return order

    transactions.repeat_writes(app)
    app.config["WTF_CSRF_ENABLED"] = False
    app.testing = False
    answers = in_threads(app, "/lock/ab", "/lock/ba")

    assert answers.count(200) == (2 if pauses else 1)
    assert sum(tries.values()) == (3 if pauses else 2)


def test_another_error_of_the_database_is_not_contention():
    assert not transactions.is_contention(OperationalError("", {}, Exception("no such table: moon")))
    assert transactions.is_contention(OperationalError("", {}, Exception("database is locked")))


def test_a_writer_waits_for_another_and_not_for_ever(app, monkeypatch):
    with Session(db.engine) as first, Session(db.engine) as second:
        begin_write(first)
        threading.Timer(0.05, first.rollback).start()
        begin_write(second)
        assert timeout(second) == database.BUSY_SECONDS * 1000
        monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
        with pytest.raises(OperationalError) as caught:
            begin_write(first)

    assert transactions.is_contention(caught.value)


def timeout(session):
    return session.scalar(text("PRAGMA busy_timeout"))


def lock_row(letter):
    db.session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ord(letter)})


def in_threads(app, *paths):
    answers = []

    def ask(path):
        answers.append(Context().run(app.test_client().post, path).status_code)

    threads = [threading.Thread(target=ask, args=[path]) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers
