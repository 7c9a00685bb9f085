"""Signed mail is verified by the DNS alone, as a receiver does it."""

from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes

import dkim
import pytest

from config import DkimKey
from scheduler.notify.dkim_signing import signed
from scheduler.notify.mail import Mail, as_bytes
from scheduler.notify.sender_records import public_record
from tests.rsa_keys import rsa_pem

MAIL = Mail(
    sender="Kl\u00ednica Linden <desk@clinic.example>",
    recipient="gail@example.org",
    subject="Recordatorio: ma\u00f1ana",
    text="Hello\n.a dot\n",
    html="<p>Hello</p>",
    dated_at=datetime(2026, 11, 30, 13, 0, tzinfo=UTC),
    message_id="<abcdefghjkmnpqrs@clinic.example>",
    more_headers={
        "List-Unsubscribe": "<https://visits.clinic.example/unsubscribe/" + "k" * 200 + ">",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    },
)


@pytest.fixture(scope="module")
def key():
    return DkimKey("clinic.example", "seriate", rsa_pem())


def verified(content, key):
    published = {f"seriate._domainkey.{key.domain}.": public_record(key).encode()}
    return dkim.verify(content, dnsfunc=lambda name, **_: published[name.decode()])


@pytest.mark.parametrize("mail", [MAIL, replace(MAIL, recipient="ga\u00edl@example.org")])
def test_a_signed_mail_is_verified_and_otherwise_the_same(key, mail):
    content = as_bytes(mail)
    sent = signed(key, content)

    assert verified(sent, key)
    assert sent.endswith(content)
    assert not verified(sent.replace(b"a dot", b"a dog"), key)


@pytest.mark.parametrize("header", [b"From", b"To", b"Subject", b"Reply-To", b"List-Unsubscribe"])
def test_a_header_that_is_changed_breaks_the_signature(key, header):
    sent = signed(key, as_bytes(replace(MAIL, reply_to="desk@clinic.example")))

    assert not verified(sent.replace(b"\r\n" + header + b": ", b"\r\n" + header + b": other"), key)


@pytest.mark.parametrize(
    "header", [b"From: other@clinic.example", b"Subject: other", b"Reply-To: other@example.org"]
)
def test_a_header_that_is_added_breaks_the_signature(key, header):
    sent = signed(key, as_bytes(MAIL))

    assert not verified(header + b"\r\n" + sent, key)


def test_a_relay_may_write_the_date_and_the_id_again_and_fold_headers(key):
    sent = signed(key, as_bytes(MAIL))
    date = message_from_bytes(sent)["Date"].encode()

    again = sent.replace(date, b"Mon, 30 Nov 2026 13:00:07 +0000").replace(
        b"<abcdefghjkmnpqrs@", b"<0100017@"
    )
    assert again != sent
    assert verified(again.replace(b"List-Unsubscribe: ", b"List-Unsubscribe:\r\n "), key)
