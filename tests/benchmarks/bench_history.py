"""What is asked all the time, over VISITS= (1,000,000) visits with a mail each: it must not take longer every year.

`flask status` is bounded by five seconds, the rest is printed beside the statement that formerly did the same.
"""

import os
import time
from functools import partial

from sqlalchemy import text

from scheduler.services.day import digest
from scheduler.services.mail import call_list, send_log
from scheduler.services.visit import books
from tests.benchmarks import history
from tests.cast import NOW
from tests.engines import both

VISITS = int(os.environ.get("VISITS", "1000000"))
MOST_SECONDS = 5.0
FORMERLY = {
    "/metrics": "SELECT state, count(*) FROM message GROUP BY state",
    "/reminders": "SELECT state, count(*) FROM message WHERE clinic_id = :clinic GROUP BY state",
    "/today/count, unclear": "SELECT count(*) FROM message NOT INDEXED WHERE clinic_id = :clinic"
    " AND state = 'uncertain' AND settled_at IS NULL",
    "digest, one user": "SELECT id FROM message NOT INDEXED WHERE user_id = :user AND kind = 'digest'",
}


@both
def test_history(engine_name, app, session, harbor):
    user = harbor.users["ada"].id
    began = time.perf_counter()
    history.write(session, harbor, VISITS, NOW)
    print(f"\n{engine_name}: {VISITS} visits written in {time.perf_counter() - began:.0f} s")
    clinic = harbor.clinic
    asked = {
        "books of flask status": lambda: books.faults(session, clinic.id, NOW),
        "/metrics": lambda: (send_log.open_counts(session), send_log.day_counts(session, NOW)),
        "/reminders": lambda: send_log.counts(session, clinic, NOW),
        "/today/count, calls": lambda: call_list.calls(session, clinic, NOW),
        "/today/count, unclear": lambda: send_log.unclear(session, clinic),
        "digest, one user": lambda: digest.enqueue_due(session, clinic, NOW),
    }
    for name, ask in asked.items():
        words = f"{name}: {_best(session, ask) * 1000:.1f} ms"
        if name in FORMERLY:
            formerly = _best(session, partial(_formerly, session, name, clinic.id, user))
            words += f", formerly {formerly * 1000:.1f}"
        print(words)
    session.close()
    began = time.perf_counter()
    found = app.test_cli_runner().invoke(args=["status"])
    seconds = time.perf_counter() - began
    print(f"flask status: {seconds:.1f} s, at most {MOST_SECONDS:.0f}: {found.output.strip()[-200:]}")

    assert "books" not in found.output
    assert seconds <= MOST_SECONDS


def _best(session, ask):
    times = []
    for _ in range(3):
        began = time.perf_counter()
        ask()
        times.append(time.perf_counter() - began)
        session.rollback()
    return min(times)


def _formerly(session, name, clinic, user):
    statement = FORMERLY[name]
    if session.get_bind().dialect.name == "postgresql":
        statement = statement.replace(" NOT INDEXED", "")
    given = {key: value for key, value in {"clinic": clinic, "user": user}.items() if f":{key}" in statement}
    session.execute(text(statement), given).all()
