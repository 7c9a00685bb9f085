import io
import logging

import pytest

from scheduler import redaction
from scheduler.models.message import MessageKind
from scheduler.services import private_links
from scheduler.services.mail import outbox
from tests.calendar_cast import NOW, make_clinic, make_patient
from tests.engines import SECRET_KEY

TOKEN = "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8S9t0U1v"


@pytest.fixture
def log():
    """What every logger of this process writes."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logging.getLogger().addHandler(handler)
    yield stream
    logging.getLogger().removeHandler(handler)


@pytest.mark.parametrize(
    "text, hidden",
    [
        (f"GET /feeds/{TOKEN}.ics HTTP/1.1", "GET /feeds/[hidden] HTTP/1.1"),
        (f'"GET /visits/{TOKEN}/calendar?lang=es"', '"GET /visits/[hidden]/calendar?lang=es"'),
        (f"https://clinic.example/visits/{TOKEN} opened", "https://clinic.example/visits/[hidden] opened"),
        (f"/feeds/{TOKEN}.ics and /feeds/{TOKEN}.ics", "/feeds/[hidden] and /feeds/[hidden]"),
        (f"POST /account/password/{TOKEN} HTTP/1.1", "POST /account/password/[hidden] HTTP/1.1"),
        (f"GET /account/invitations/by-mail/{TOKEN}", "GET /account/invitations/by-mail/[hidden]"),
        ("GET /patients?search=Nora+L&page=2 HTTP/1.1", "GET /patients?search=[hidden]&page=2 HTTP/1.1"),
        ("/login?next=/patients?search%3DNora", "/login?next=/patients?search%3D[hidden]"),
        ("GET /fhir/Patient?birthdate=1990-01-02&_count=5", "GET /fhir/Patient?birthdate=[hidden]&_count=5"),
        (f"Authorization: Bearer seriate_{TOKEN}", "Authorization: Bearer seriate_[hidden]"),
        ("GET /visits HTTP/1.1", "GET /visits HTTP/1.1"),
        ("GET /appointments/3 took 20 ms", "GET /appointments/3 took 20 ms"),
    ],
)
def test_only_the_token_is_hidden(text, hidden):
    assert redaction.redact(text) == hidden


def test_every_logger_is_redacted_however_it_formats(app, log):
    for name in ("scheduler.http.server", "werkzeug", "scheduler", "anything"):
        logger = logging.getLogger(name)
        logger.setLevel("INFO")
        logger.warning("%s - %s", "192.0.2.7", f"GET /feeds/{TOKEN}.ics")
        logger.warning('%(h)s "%(r)s"', {"h": "192.0.2.7", "r": f"GET /visits/{TOKEN} HTTP/1.1"})

    assert TOKEN not in log.getvalue()
    assert log.getvalue().count("[hidden]") == 8


def test_without_it_the_token_would_be_there(app, log, monkeypatch):
    monkeypatch.setattr(redaction, "HIDDEN", r"\g<0>")
    logging.getLogger("scheduler.http.server").warning("GET /feeds/%s.ics", TOKEN)

    assert TOKEN in log.getvalue()


def test_what_flask_writes_of_an_exception_names_no_token(app, session, client, log, monkeypatch):
    clinic = make_clinic(session)
    message = outbox.enqueue(session, clinic, MessageKind.LINK, NOW, patient=make_patient(session, clinic))
    token = private_links.page_token((SECRET_KEY,), message, private_links.VISITS)
    session.commit()
    app.testing, app.extensions["clock"].now = False, lambda: NOW
    monkeypatch.setattr(private_links, "open_page", lambda *_, **__: 1 / 0)

    assert client.get(f"/visits/{token}").status_code == 500
    assert token not in log.getvalue()
    assert "ZeroDivisionError" in log.getvalue()


def test_a_feed_in_trouble_names_no_token(app, client, log, monkeypatch):
    monkeypatch.setattr("scheduler.services.feed.feed_state.look_up", lambda *_: 1 / 0)

    assert client.get(f"/feeds/{TOKEN}.ics").status_code == 503
    assert TOKEN not in log.getvalue()
