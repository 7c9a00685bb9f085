from datetime import timedelta

import pytest

from scheduler.app import create_app
from scheduler.demo.mail_catcher import Keeper, folder_of
from scheduler.models.message import MessageKind
from scheduler.services.mail import outbox
from tests.cast import NOW
from tests.engines import test_settings
from tests.visits import add_visit

MAIL = (
    b"From: Seriate <clinic@seriate.invalid>\r\nTo: nora@example.org\r\nSubject: Hello\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/alternative; boundary="x"\r\n\r\n'
    b"--x\r\nContent-Type: text/plain\r\n\r\nSee https://seriate.example/visits/abc\r\n"
    b"--x\r\nContent-Type: text/html\r\n\r\n<html><head></head><body><script>bad()</script>hi</body></html>\r\n"
    b"--x\r\nContent-Type: text/calendar; method=REQUEST\r\n\r\nBEGIN:VCALENDAR\r\n"
    b"--x--\r\n"
)


@pytest.fixture
def mailbox(app):
    return Keeper(folder_of(app.config["SETTINGS"].instance_path), lambda: NOW)


def listed(client, **query):
    return [mail["subject"] for mail in client.get("/demo/mailbox.json", query_string=query).json]


def test_an_empty_mailbox_says_so(client):
    assert "No emails yet" in client.get("/demo/mailbox").text
    assert listed(client) == []


def test_mails_are_listed_by_recipient_and_time(client, mailbox):
    mailbox.keep("clinic@seriate.invalid", ["nora@example.org"], MAIL)

    assert listed(client) == ["Hello"]
    assert listed(client, to="Nora@Example.org") == ["Hello"]
    assert listed(client, to="otto@example.org") == []
    assert listed(client, since=NOW.isoformat()) == ["Hello"]
    assert listed(client, since=(NOW + timedelta(seconds=1)).isoformat()) == []
    assert client.get("/demo/mailbox.json?since=2026-11-23T08:00:00").status_code == 422


def test_a_mail_is_shown_with_its_html_in_a_sandbox(client, mailbox):
    mail_id = mailbox.keep("clinic@seriate.invalid", ["nora@example.org"], MAIL)
    page = client.get(f"/demo/mailbox/{mail_id}").text
    frame = client.get(f"/demo/mailbox/{mail_id}/body")

    assert f'src="/demo/mailbox/{mail_id}/body"' in page
    assert "sandbox=" in page
    assert "bad()" not in page
    policy = frame.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")
    assert "sandbox allow-popups" in policy
    assert "allow-scripts" not in policy


def test_the_source_and_the_calendar_can_be_fetched(client, mailbox):
    mail_id = mailbox.keep("clinic@seriate.invalid", ["nora@example.org"], MAIL)

    assert client.get(f"/demo/mailbox/{mail_id}.eml").data == MAIL
    assert client.get(f"/demo/mailbox/{mail_id}/calendar/0").data.startswith(b"BEGIN:VCALENDAR")
    assert client.get(f"/demo/mailbox/{mail_id}/calendar/1").status_code == 404
    assert client.get("/demo/mailbox.json").json[0]["links"] == ["https://seriate.example/visits/abc"]


def test_which_text_a_mail_is_made_of_is_said(client, mailbox, session, harbor):
    nora = harbor.patients["Nora"]
    nora.language = "es-MX"
    visits = [add_visit(session, harbor, "Chair 1", NOW + timedelta(days=days)) for days in (1, 2)]
    message = outbox.enqueue(session, harbor.clinic, MessageKind.REMINDER, NOW, patient=nora, about=visits)
    message.rfc_message_id = "<ours@seriate.invalid>"
    session.commit()
    for name in (b"ours", b"another"):
        mailbox.keep("x", ["nora@example.org"], b"Message-ID: <%s@seriate.invalid>\r\n%s" % (name, MAIL))

    found = {mail["message_id"]: mail["template"] for mail in client.get("/demo/mailbox.json").json}
    assert found == {
        "<ours@seriate.invalid>": {"name": "reminder", "language": "es", "visits": 2},
        "<another@seriate.invalid>": None,
    }


@pytest.mark.parametrize("mail_id", ["nothing", "..%2f..%2fenv", "0000000000000000-00000000"])
def test_an_unknown_mail_is_not_found(client, mailbox, mail_id):
    for address in (
        f"/demo/mailbox/{mail_id}",
        f"/demo/mailbox/{mail_id}.eml",
        f"/demo/mailbox/{mail_id}/body",
    ):
        assert client.get(address).status_code == 404


def test_production_has_no_mailbox(database_url, tmp_path):
    (tmp_path / "seriate.db").chmod(0o600)
    settings = test_settings(
        tmp_path,
        database_url,
        APP_ENV="production",
        PUBLIC_URL="https://seriate.example",
        SMTP_URL="smtps://user:pass@mail.seriate.example",
        MAIL_FROM="Clinic <clinic@seriate.example>",
    )

    assert create_app(settings).test_client().get("/demo/mailbox").status_code == 404
