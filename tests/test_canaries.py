"""Planted names, notes and keys must turn up only where somebody who may see them looks.

The whole system runs with its access log on and the lowest log level; people, programs and strangers use it, also
wrongly, and then a table that every change needs is taken away, so that everything breaks. After that the logs, the
health page, the metrics, the mails and the feeds are searched for what was planted.
"""

import re
import time
from datetime import UTC, date, datetime, timedelta

import pytest
import requests
from passlib.totp import TOTP
from sqlalchemy import text

from scheduler.database import begin_write
from scheduler.models.message import Message, MessageKind
from scheduler.services import private_links
from scheduler.services.account import accounts, passwords, second_factors
from scheduler.services.feed import feeds
from scheduler.services.mail import outbox
from scheduler.services.visit import requirements
from tests.cast import NOW, add_patient
from tests.engines import SECRET_KEY, both
from tests.running import PATIENCE
from tests.services.courses import book, visit

PASSWORD = "a kestrel over the weir 4471"
WRONG = "a wrong kestrel 9053"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
GIVEN = "Kestrella"
PERSON = {
    "family_name": "Quillfeather",
    "preferred_name": "Kessiequill",
    "pronunciation": "kwill-pheather",
    "phone": "555 017 7391",
    "email": "kestrella.q@planted.example",
    "alert_note": "allergic to plantednuts",
    "interpreter": "Quenya-planted",
    "proxy_name": "Proxina Plantedkin",
}
BORN = date(1931, 7, 19)
TYPED = {
    "reason": "reason-canary-5512",
    "note": "requirement-canary-8813",
    "document": "document-canary-2207",
}
PHI = (GIVEN, *PERSON.values(), BORN.isoformat(), *TYPED.values())


@pytest.fixture
def planted(app, session, harbor):
    """Plant them; return the keys that open something."""
    for name in ("ada", "alice"):
        accounts.set_password(session, harbor.users[name], PASSWORD)
    kestrella = add_patient(session, harbor, GIVEN, birth_date=BORN, email_ok=True, **PERSON)
    harbor.patients["Nora"] = kestrella  # whom the course is booked for
    course = book(session, harbor)
    requirements.complete(
        session, harbor.prescriber, course, "consent", NOW, document=TYPED["document"], note=TYPED["note"]
    )
    feed_keys = {
        style: feeds.create(session, harbor.command, resource, style, NOW)[1]
        for style, resource in (("neutral", kestrella.resource_id), ("kind", None))
    }
    mail = outbox.enqueue(session, harbor.clinic, MessageKind.LINK, NOW, patient=kestrella)
    secret = app.extensions["security"].totp_factory._totp(key=SECRET).to_json(encrypt=True)
    codes = second_factors.enrol(session, harbor.users["alice"], secret, NOW)
    passwords.ask_for_reset(session, "ada@example.org", NOW, "http://x", [SECRET_KEY])
    link = passwords.link_token(harbor.users["ada"], timedelta(days=1), datetime.now(UTC), [SECRET_KEY])
    session.commit()
    begin_write(session)
    token = accounts.create_token(session, harbor.command, harbor.users["ada"], "x", NOW)[1]
    session.commit()
    return {
        "patient": kestrella.public_id,
        "course": course.public_id,
        "visit": visit(course, "infusion-2").public_id,
        "first cancelled": visit(course, "infusion-6").public_id,
        "then cancelled": visit(course, "infusion-5").public_id,
        "link": private_links.page_token((SECRET_KEY,), session.get(Message, mail.id), private_links.VISITS),
        "password link": link,
        "api token": token,
        **{f"{style} feed": key for style, key in feed_keys.items()},
        **{f"recovery code {number}": code for number, code in enumerate(codes)},
    }


@both
def test_no_canary_sings(system, session, planted):
    system.travel(NOW + timedelta(minutes=2))
    system.environ |= {"LOG_LEVEL": "debug"}  # the server notes every request
    system.start()
    system.wait(system.is_well)

    desk, cookie = sign_in(system, "ada@example.org")
    assert planted_in(desk("GET", f"/patients/{planted['patient']}").text)  # the scan finds what is there
    use_it(system, desk, planted, "first cancelled")
    mails = system.wait(lambda: sent_to_her(system))
    stranger = rummage(system, planted)
    system.stop()
    break_it(session)
    system.start("web")
    system.wait(lambda: answers(f"{system.url}/login"))
    broken = use_it(system, desk, planted, "then cancelled")
    system.stop()

    logs = "\n".join(system.log(name).read_text() for name in system.commands if system.log(name).exists())
    secrets = [
        SECRET,
        PASSWORD,
        WRONG,
        cookie,
        *(value for name, value in planted.items() if needs_hiding(name)),
    ]
    assert (503 in broken or 500 in broken, "audit_event" in logs, "search=[hidden]" in logs) == (
        True,
        True,
        True,
    )
    assert planted_in(logs) == []
    assert [one for one in secrets if one in logs] == []
    assert planted_in(stranger) == []
    assert [one for one in secrets if one in stranger] == []
    for mail in mails:
        assert planted_in(mail["subject"]) == []
        assert set(planted_in(without_addresses(mail["text"]))) <= {PERSON["preferred_name"], GIVEN}


def use_it(system, desk, planted, off):
    """Do what a desk, a program and a patient do, rightly and wrongly; return the statuses."""
    visit_page, patient = f"/appointments/{planted['visit']}", f"/patients/{planted['patient']}"
    asked = [
        desk("POST", "/patients/found", search=PERSON["family_name"]),
        desk("POST", "/patients/finds", search=GIVEN),
        desk("POST", "/reminders/found", search=GIVEN),
        desk("GET", f"{patient}/edit"),
        desk("POST", patient, given_name=GIVEN, **PERSON, birth_date="never"),
        desk("POST", patient, given_name=GIVEN, **PERSON, birth_date=BORN.isoformat()),
        desk("POST", "/patients", given_name=GIVEN, **PERSON),
        desk("GET", f"/care-plans/{planted['course']}"),
        desk("POST", f"/care-plans/{planted['course']}/requirements/labs", **TYPED),
        desk("POST", f"/appointments/{planted[off]}/cancellation", reason=TYPED["reason"]),
        desk("GET", visit_page),
        desk("GET", f"{visit_page}/time"),
        desk("POST", f"{patient}/record/export"),
        desk("POST", "/settings/data/export", table="messages", first="2026-11-01", last="2026-12-30"),
        desk("POST", "/audit/found", patient=planted["patient"], who=GIVEN),
        desk("POST", "/audit/export"),
        desk("POST", "/account/password", present=WRONG, password=PASSWORD, again=PASSWORD),
    ]
    api = {"Authorization": f"Bearer {planted['api token']}"}
    body = {"given_name": GIVEN, **PERSON, "birth_date": BORN.isoformat()}
    asked += [
        visit_by("GET", f"{system.url}/api/v1/patients?search={GIVEN}", headers=api),
        visit_by("POST", f"{system.url}/api/v1/patients", json=body | {"birth_date": "x"}, headers=api),
        visit_by(
            "POST", f"{system.url}/api/v1/patients", json=body, headers=api | {"Idempotency-Key": "one"}
        ),
        visit_by(
            "PATCH", f"{system.url}/api/v1{patient}", json={"alert_note": PERSON["alert_note"]}, headers=api
        ),
        visit_by("POST", f"{system.url}/api/v1/patients", data=str(body), headers=api),
        visit_by("GET", f"{system.url}/fhir/Patient?name={GIVEN}&birthdate={BORN}", headers=api),
        visit_by("GET", f"{system.url}/feeds/{planted['neutral feed']}.ics"),
        visit_by("GET", f"{system.url}/visits/{planted['link']}"),
        visit_by("GET", f"{system.url}/visits/{planted['link']}/calendar"),
        visit_by("GET", f"{system.url}/account/password/{planted['password link']}"),
    ]
    return {answer.status_code for answer in asked}


def rummage(system, planted):
    """Return all that a stranger gets to see, the health page, the metrics, and the feeds beside."""
    own = f"/patients/{planted['patient']}"
    paths = (
        own, f"{own}/record", f"/appointments/{planted['visit']}", f"/api/v1{own}", f"/fhir/Patient/{own[10:]}",
        "/login", f"/login?next={own}", "/livez", "/readyz", "/healthz", "/metrics", "/nothing", "/feeds/x.ics",
        f"/visits/{planted['link'][:-3]}AAA",
        f"/feeds/{planted['neutral feed']}.ics", f"/feeds/{planted['kind feed']}.ics",
    )  # fmt: skip
    seen = [visit_by("GET", f"{system.url}{path}") for path in paths]
    form = {"email": "alice@example.org", "password": WRONG}
    seen.append(visit_by("POST", f"{system.url}/login", data=form))
    step, _ = sign_in(system, "alice@example.org", step=True)
    seen.append(step("POST", "/account/second-factor/code", code="000000"))
    seen.append(step("POST", "/account/second-factor/code", code=planted["recovery code 1"]))
    seen.append(step("POST", "/account/second-factor/code", code=TOTP(key=SECRET).generate().token))
    return "\n".join(f"{dict(answer.headers)} {answer.text}" for answer in seen)


def break_it(session):
    """Take away what every change and every look at a record writes to.

    On PostgreSQL that waits for everybody who still has the table open, so first the stopped processes' connections
    must have gone; one that stays is named.
    """
    session.rollback()
    last = time.monotonic() + PATIENCE
    while others := connected(session):
        assert time.monotonic() < last, f"still connected: {others}"
        time.sleep(0.1)
    begin_write(session)
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text(f"SET LOCAL lock_timeout = '{PATIENCE}s'"))
    session.execute(text("ALTER TABLE audit_event RENAME TO gone"))
    session.commit()


def connected(session):
    """Return who else is connected to this database and what they last asked; SQLite knows no connections."""
    if session.get_bind().dialect.name == "sqlite":
        return []
    others = session.execute(
        text(
            "SELECT pid, state, now() - xact_start, left(query, 200) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
    ).all()
    session.rollback()
    return others


def sign_in(system, email, step=False):
    """Return a browser as a function, and its cookie."""
    browser = requests.Session()
    browser.trust_env = False
    kept = {"csrf": ""}

    def go(method, path, **fields):
        if method == "POST":
            fields["csrf_token"] = kept["csrf"]
        answer = browser.request(method, f"{system.url}{path}", data=fields or None, timeout=60)
        found = re.search(r'name="csrf[-_]token"[^>]*(?:value|content)="([^"]+)"', answer.text)
        kept["csrf"] = found.group(1) if found else kept["csrf"]
        return answer

    go("GET", "/login")
    go("POST", "/login", email=email, password=WRONG)
    came = go("POST", "/login", email=email, password=PASSWORD)
    assert came.url.endswith("/account/second-factor/code" if step else f"{system.url}/")
    return go, browser.cookies["seriate"]


def visit_by(method, url, **options):
    with requests.Session() as anyone:
        anyone.trust_env = False
        return anyone.request(method, url, timeout=60, allow_redirects=False, **options)


def answers(address):
    try:
        return visit_by("GET", address).ok
    except requests.ConnectionError:
        return False


def sent_to_her(system):
    mails = system.mails(to=PERSON["email"])
    return mails if {mail["subject"] for mail in mails} else None


def without_addresses(mail):
    return re.sub(r"\S+@\S+", "", mail)


def needs_hiding(name):
    return name not in ("patient", "course", "visit", "first cancelled", "then cancelled")


def planted_in(found):
    return [one for one in PHI if one in found]


def test_what_a_statement_was_given_is_in_no_error(session):
    with pytest.raises(Exception, match="no_such_table") as caught:
        session.execute(text("INSERT INTO no_such_table VALUES (:name)"), {"name": GIVEN})

    assert GIVEN not in str(caught.value)
