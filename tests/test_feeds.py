import gc
import gzip
import random
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import timedelta

import icalendar
import pysqlite3.dbapi2 as sqlite
import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from scheduler import feeds as interface
from scheduler import kept
from scheduler.app import create_app
from scheduler.database import db
from scheduler.models import versions
from scheduler.models.calendar_feed import CalendarFeed
from scheduler.services.actors import Actor
from scheduler.services.feed import feed_events, feeds
from tests.calendar_cast import DAY, NOW, make_clinic, make_location, make_patient, make_visit, visit
from tests.clocks import StandingClock
from tests.engines import both, test_settings
from tests.ical.test_readers import hostile_name

NONSENSE = [
    "x.ics",
    "A" * 43 + ".ics",
    "A" * 43,
    "a/b/c.ics",
    "%2e%2e%2f.ics",
    "é.ics",
    "A" * 8000 + ".ics",
    "",
    "/x.ics",
]


@pytest.fixture(autouse=True)
def at(app):
    """The app's clock, which the test may set."""
    app.extensions["clock"] = StandingClock(NOW)
    return app.extensions["clock"]


@pytest.fixture
def clinic(session):
    return make_clinic(session)


@pytest.fixture
def desk(clinic):
    return Actor(clinic, None, None, "staff")


@pytest.fixture
def ana(session, clinic):
    return make_patient(session, clinic)


@pytest.fixture
def feed(session, clinic, desk, ana):
    """Ana's feed of one visit, and its token."""
    make_visit(session, clinic, ana, "2026-03-05T09:00", uid="v1")
    made = feeds.create(session, desk, ana.resource_id, "neutral", NOW)
    session.commit()
    return made


@pytest.fixture
def fetch(client, feed):
    def get(method="get", **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return getattr(client, method)(f"/feeds/{feed[1]}.ics", headers=named)

    return get


def change(session, ana):
    """Count a change of what Ana's feed shows."""
    versions.raise_versions(session, ana.clinic_id, [ana.resource_id], NOW)
    session.commit()


@both
def test_a_fetch_and_all_its_headers(fetch):
    answer = fetch()
    etag = answer.headers.pop("ETag")

    assert (answer.status_code, len(etag)) == (200, 34)
    assert [str(e["uid"]) for e in icalendar.Calendar.from_ical(answer.data).events] == ["v1"]
    for name in ("Content-Security-Policy", "Cross-Origin-Opener-Policy", "Permissions-Policy"):
        answer.headers.pop(name, None)
    assert dict(answer.headers) == {
        "Content-Type": "text/calendar; charset=utf-8",
        "Content-Length": str(len(answer.data)),
        "Content-Disposition": 'inline; filename="calendar.ics"',
        "Cache-Control": "private, no-cache",
        "Referrer-Policy": "no-referrer",
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
        "X-Robots-Tag": "noindex, nofollow",
    }


@pytest.mark.parametrize(
    "ending",
    [
        "",
        ".ICS",
        ".ics/",
        ".ics>",
        ".ics,",
        ".ics.",
        '.ics"',
        ".ics%20",
        "/",
        ".",
        ".ics%3E,",
        "%2Eics",
        ".ics?nocache=1",
    ],
)
def test_what_is_added_to_or_missing_from_an_address_is_forgiven(client, feed, ending):
    whole = client.get(f"/feeds/{feed[1]}.ics")
    for path in (f"/feeds/{feed[1]}{ending}", f"/feeds//{feed[1]}{ending}"):
        answer = client.get(path)
        assert (answer.status_code, answer.data) == (200, whole.data)
        assert answer.headers["ETag"] == whole.headers["ETag"]


@pytest.mark.parametrize("ending", [".icsX", "X", ".ical", ".ics/x"])
def test_another_address_is_not_taken_for_one_of_ours(client, feed, ending):
    assert client.get(f"/feeds/{feed[1]}{ending}").status_code == 404


def test_head_is_get_without_the_body(fetch):
    get, head = fetch(), fetch("head")

    assert (head.status_code, head.data) == (200, b"")
    assert dict(head.headers) == dict(get.headers)


def test_a_cookie_is_neither_wanted_nor_given(client, fetch):
    client.set_cookie("session", "x")
    client.set_cookie("seriate", "x")

    for answer in (fetch(), client.get("/feeds/x.ics"), client.post("/feeds/x.ics")):
        assert "Set-Cookie" not in answer.headers
        assert "Cookie" not in answer.headers.get("Vary", "")


@both
def test_an_unchanged_feed_is_not_sent_again(fetch):
    etag = fetch().headers["ETag"]

    for asked in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        answer = fetch(If_None_Match=asked)
        assert (answer.status_code, answer.data, answer.headers["ETag"]) == (304, b"", etag)
        assert "Content-Type" not in answer.headers
        assert answer.headers["Cache-Control"] == "private, no-cache"
    assert fetch(If_None_Match='"other"').status_code == 200


def test_the_tag_changes_with_the_content_and_with_the_date(session, clinic, ana, at, fetch):
    tags = [fetch().headers["ETag"]]

    change(session, ana)
    tags.append(fetch().headers["ETag"])
    clinic.name = "Hill Street"
    session.commit()
    tags.append(fetch().headers["ETag"])
    clinic.settings_document = {"visit_label": "Meeting"}
    session.commit()
    tags.append(fetch().headers["ETag"])
    at.time = NOW + timedelta(hours=13, minutes=59)  # one minute to midnight in New York
    assert fetch().headers["ETag"] == tags[-1]
    at.time = NOW + timedelta(hours=14)
    tags.append(fetch().headers["ETag"])
    for hours in (15, 24, 37):  # the same day in New York: no more than once a day
        at.time = NOW + timedelta(hours=hours)
        assert fetch().headers["ETag"] == tags[-1]

    assert len(set(tags)) == 5


def test_304_is_one_query_that_reads_no_appointment_and_writes_nothing(fetch):
    statements = []
    event.listen(
        db.engine, "checkout", lambda connection, *_: connection.set_trace_callback(statements.append)
    )
    etag = fetch().headers["ETag"]
    statements.clear()

    assert fetch(If_None_Match=etag).status_code == 304
    (question,) = statements
    assert "appointment" not in question
    fetch()
    assert [text for text in statements if "appointment" in text] != []


@both
def test_a_connection_that_the_database_has_closed_is_replaced(fetch):
    etag = fetch().headers["ETag"]
    _held(db.engine).close()
    assert fetch(If_None_Match=etag).status_code == 304
    db.engine.dispose()
    assert fetch(If_None_Match=etag).status_code == 304


def test_a_question_leaves_no_transaction_open(session, clinic, ana, fetch):
    """One that did would go on seeing what it saw, and keep SQLite's journal from being cut."""
    etag = fetch().headers["ETag"]
    fetch(If_None_Match=etag)
    change(session, ana)
    held = _held(db.engine)

    assert not held.in_transaction
    assert session.connection().exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0] == 0
    assert fetch(If_None_Match=etag).status_code == 200


def test_a_thread_that_ends_lets_go_of_its_connection(client, feed):
    seen = []

    def ask():
        client.get(f"/feeds/{feed[1]}.ics")
        seen.append(_held(db.engine))

    with ThreadPoolExecutor(1) as threads:
        threads.submit(copy_context().run, ask).result()
    gc.collect()
    with pytest.raises(sqlite.ProgrammingError, match="closed"):
        seen[0].execute("SELECT 1")


def _held(engine):
    """Return the driver's connection that this thread keeps."""
    return kept._by_engine[engine]._own.held.connection


def test_gzip_has_a_tag_of_its_own_and_the_same_content(fetch):
    plain, zipped = fetch(), fetch(Accept_Encoding="br, gzip;q=0.5")

    assert zipped.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(zipped.data) == plain.data
    assert zipped.headers["ETag"] == plain.headers["ETag"][:-1] + '-gzip"'
    again = fetch(Accept_Encoding="gzip", If_None_Match=zipped.headers["ETag"])
    assert (again.status_code, again.headers["ETag"]) == (304, zipped.headers["ETag"])
    assert "Content-Encoding" not in fetch(Accept_Encoding="gzip;q=0").headers


@pytest.mark.parametrize("name", NONSENSE)
def test_whatever_is_no_token_of_ours_answers_the_same(client, feed, name):
    known, answer = client.get("/feeds/" + "B" * 43 + ".ics"), client.get(f"/feeds/{name}")

    assert answer.status_code == known.status_code == 404
    assert answer.data == known.data == b"Calendar not found.\n"
    assert dict(answer.headers) == dict(known.headers)
    assert client.get("/feeds").data == known.data


@both
def test_a_revoked_feed_is_gone_at_once(session, desk, feed, fetch):
    etag = fetch().headers["ETag"]
    feeds.revoke(session, desk, feed[0], NOW)
    session.commit()

    for answer in (fetch(), fetch(If_None_Match=etag), fetch(If_None_Match="*")):
        assert answer.status_code == 410
        assert answer.mimetype == "text/plain"


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch", "options"])
def test_other_methods_are_refused_in_plain_text(client, feed, method):
    for path in (f"/feeds/{feed[1]}.ics", "/feeds/x.ics"):
        answer = getattr(client, method)(path)

        assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")
        assert answer.mimetype == "text/plain"


def test_caldav_methods_are_refused_too(client, feed):
    assert client.open(f"/feeds/{feed[1]}.ics", method="PROPFIND").status_code == 405


def test_a_fetch_is_noted(session, at, feed, fetch):
    fetch(User_Agent="Thunderbird/153.0")
    at.time = NOW + timedelta(minutes=9)
    fetch(User_Agent="Outlook")
    session.rollback()
    assert (feed[0].last_fetched_at, feed[0].last_client) == (NOW, "Thunderbird/153.0")

    at.time = NOW + timedelta(minutes=10)
    fetch(User_Agent="Outlook", If_None_Match="*")
    session.rollback()
    assert (feed[0].last_fetched_at, feed[0].last_client) == (at.time, "Outlook")


@both
def test_guesses_are_limited_and_a_good_token_behind_the_same_address_is_served(client, fetch):
    codes = guess(client, interface.GUESSES.most + 2)

    assert codes == [404] * interface.GUESSES.most + [429, 429]
    assert client.get("/feeds/x.ics").headers["Retry-After"] == "3601"
    assert fetch().status_code == 200
    elsewhere = client.get("/feeds/x.ics", environ_base={"REMOTE_ADDR": "192.0.2.9"})
    assert elsewhere.status_code == 404


def test_guesses_are_counted_by_the_address_that_the_proxy_tells(tmp_path, database_url, app):
    behind = create_app(test_settings(tmp_path, database_url, TRUSTED_PROXIES="1"))
    behind.extensions["clock"] = StandingClock(NOW)

    def answers(address):
        asked = behind.test_client().get(
            "/feeds/x.ics", headers={"X-Forwarded-For": f"203.0.113.5, {address}"}
        )
        return asked.status_code

    assert [answers("198.51.100.7") for _ in range(interface.GUESSES.most + 1)][-2:] == [404, 429]
    assert answers("198.51.100.8") == 404


def test_over_https_every_answer_says_so(tmp_path, database_url, app):
    safe = create_app(test_settings(tmp_path, database_url, PUBLIC_URL="https://clinic.example"))
    client = safe.test_client()

    for answer in (client.get("/feeds/x.ics"), client.post("/feeds/x.ics")):
        assert answer.headers["Strict-Transport-Security"].startswith("max-age=")
    assert "Strict-Transport-Security" not in app.test_client().get("/feeds/x.ics").headers


def test_without_the_limiter_guessing_goes_on(client, app):
    endless = interface.Limit("feed-guesses", most=10**9, per=interface.GUESSES.per)
    app.extensions["feeds"].guesses = interface.Tally(endless)

    assert set(guess(client, interface.GUESSES.most + 2)) == {404}


def test_guesses_of_another_process_count(session, client, app):
    guess(client, interface.GUESSES.most)
    app.extensions["feeds"].guesses = interface.Tally(interface.GUESSES)

    assert guess(client, 1) == [429]


def test_guesses_are_forgiven_with_the_hour(client, at):
    guess(client, interface.GUESSES.most + 1)
    at.time = NOW + interface.GUESSES.per

    assert guess(client, 1) == [404]


def test_a_token_that_is_fetched_all_the_time_is_slowed_down(fetch):
    codes = [fetch(If_None_Match="*").status_code for _ in range(interface.FETCHES.most + 61)]

    assert codes[: interface.FETCHES.most] == [304] * interface.FETCHES.most
    assert codes[-1] == 429
    assert codes.count(429) <= 61


def test_hostile_names_are_served(session, client, clinic, desk):
    """Whatever patients, chairs and visits are called, however it came into the database."""
    draw = random.Random(20261128)
    names = [storable(hostile_name(draw)) for _ in range(1000)]
    clinic.name = names[0]
    places = [make_location(session, clinic, name) for name in list(dict.fromkeys(names))[:50]]
    patients = [make_patient(session, clinic, names[n], names[n + 1]) for n in range(50)]
    for number, name in enumerate(names):
        one = visit(clinic, patients[number % 50], "2026-03-05T09:00", uid=f"v{number:04}")
        one.title, one.location_id = name, places[number % 50].id
        session.add(one)
    tokens = [feeds.create(session, desk, None, style, NOW)[1] for style in ("kind", "initials", "neutral")]
    tokens.append(feeds.create(session, desk, places[1].resource_id, "kind", NOW)[1])
    session.commit()
    answers = [client.get(f"/feeds/{token}.ics") for token in tokens]

    assert [answer.status_code for answer in answers] == [200] * 4
    counts = [answer.data.split(b"\r\n").count(b"BEGIN:VEVENT") for answer in answers]
    assert counts == [1000, 1000, 1000, 20]
    for answer in answers:
        lines = answer.data.split(b"\r\n")
        assert max(map(len, lines)) <= 75
        assert b"\n" not in answer.data.replace(b"\r\n", b"")
        heads = {line.partition(b":")[0].partition(b";")[0] for line in lines if not line.startswith(b" ")}
        assert not heads & {b"ATTENDEE", b"X-PLANTED", b"BEGIN:VALARM"}
        assert lines.count(b"BEGIN:VALARM") == 0
        assert b"UID:planted" not in lines
    said = {str(one["summary"]) for one in icalendar.Calendar.from_ical(answers[0].data).events}
    assert any("ATTENDEE:mailto:x@evil.example" in text for text in said)  # it is there, as text


def storable(name):
    """Return a name without what no database keeps: halves of a pair, and for PostgreSQL's sake NUL."""
    return name.encode("utf-8", "ignore").decode().replace("\x00", "")


def test_trouble_keeps_the_last_good_copy(fetch, monkeypatch, caplog, feed):
    def broken(*args):
        raise OperationalError("SELECT", {}, Exception("the database is away"))

    monkeypatch.setattr(feed_events, "calendar", broken)
    answer = fetch()

    assert (answer.status_code, answer.headers["Retry-After"], answer.mimetype) == (503, "60", "text/plain")
    assert feed[1] not in caplog.text


def test_a_note_that_cannot_be_written_does_not_cost_the_answer(session, fetch, monkeypatch, feed):
    def locked(*args):
        raise OperationalError("UPDATE", {}, Exception("database is locked"))

    monkeypatch.setattr(feeds, "note_fetch", locked)
    assert fetch().status_code == 200
    assert session.get(CalendarFeed, feed[0].id).last_fetched_at is None


def test_a_moved_visit_is_in_the_next_answer(session, clinic, ana, fetch):
    etag = fetch().headers["ETag"]
    made = make_visit(session, clinic, ana, "2026-03-09T09:00", uid="v2")
    made.start_at, made.end_at, made.sequence = made.start_at + DAY, made.end_at + DAY, 1
    change(session, ana)

    answer = fetch(If_None_Match=etag)
    assert answer.status_code == 200
    assert [(str(e["uid"]), e["sequence"]) for e in icalendar.Calendar.from_ical(answer.data).events] == [
        ("v1", 0),
        ("v2", 1),
    ]


def guess(client, times):
    return [client.get(f"/feeds/{number:043}.ics").status_code for number in range(times)]
