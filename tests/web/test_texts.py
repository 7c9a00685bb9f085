"""The texts of the mails: changed, refused with a reason, previewed in a frame of their own, taken back."""

import pytest
from sqlalchemy import select

from scheduler.errors import Invalid
from scheduler.models.audit_event import AuditEvent
from scheduler.models.message import MessageKind
from scheduler.notify import texts
from scheduler.services.mail import mail_texts, settings_changes
from tests.cast import NOW

ADDRESS = "/settings/texts/reminder/en"
OWN = "Hi {first_name},\n\n{visits}\n\n[Answer]({link})"


@pytest.fixture
def mona(session, harbor, signed_in):
    client = signed_in(harbor, "mona")
    session.rollback()
    return client


def texts_of(session, harbor):
    session.rollback()
    return harbor.clinic.settings.mail_texts


def test_a_text_is_changed_and_the_trail_says_which(session, harbor, mona):
    answer = mona.post(ADDRESS, data={"body": OWN.replace("\n", "\r\n")})

    assert (answer.status_code, answer.location) == (303, "/settings/texts")
    assert texts_of(session, harbor) == {"reminder.en": OWN}
    changed = select(AuditEvent.fields).where(AuditEvent.event == "mail-text.changed")
    assert session.scalars(changed).all() == [["reminder.en"]]


def test_an_unknown_placeholder_is_refused_with_its_name(session, harbor, mona):
    answer = mona.post(ADDRESS, data={"body": "Hello {diagnosis}"})

    assert answer.status_code == 422
    assert "{diagnosis} is not a placeholder of this mail" in answer.text
    assert "Hello {diagnosis}</textarea>" in answer.text
    assert texts_of(session, harbor) == {}


@pytest.mark.parametrize("body", ["", "Subject: Your infusion\n\nHello", "See {visits} there"])
def test_what_makes_no_mail_is_refused(session, harbor, mona, body):
    assert mona.post(ADDRESS, data={"body": body}).status_code == 422
    assert texts_of(session, harbor) == {}


def test_the_preview_is_a_sandbox_of_its_own_and_saves_nothing(session, harbor, mona):
    shown = mona.post(f"{ADDRESS}/preview", data={"body": "<script>bad()</script> {first_name}, {date}"})
    wrong = mona.post(f"{ADDRESS}/preview", data={"body": "{diagnosis}"})
    policy = shown.headers["Content-Security-Policy"]

    assert policy.startswith("default-src 'none'")
    assert policy.endswith("sandbox")
    assert "&lt;script&gt;bad()&lt;/script&gt; Maria" in shown.text
    assert "<script>" not in shown.text
    assert "{diagnosis} is not a placeholder" in wrong.text
    assert texts_of(session, harbor) == {}


def test_our_text_comes_back(session, harbor, mona):
    mona.post(ADDRESS, data={"body": OWN})
    page = mona.get("/settings/texts").text
    mona.post(f"{ADDRESS}/reset")

    assert "custom" in page
    assert texts_of(session, harbor) == {}


def test_saving_our_text_keeps_nothing(session, harbor, mona):
    ours = mail_texts.find(harbor.clinic, "reminder", "en").body
    mona.post(ADDRESS, data={"body": ours})

    assert texts_of(session, harbor) == {}


def test_every_kind_of_mail_has_a_title_and_all_but_those_with_keys_can_be_worded():
    always_ours = {"account", "address", "request-answer"}

    to_proxies = {f"proxy-{kind}" for kind in texts.FOR_PROXIES} & texts.EDITABLE
    patients = {kind.value for kind in MessageKind} | {"private", "reminder-confirmed"}
    assert set(mail_texts.TITLES) == patients | to_proxies
    assert set(mail_texts.TITLES) - always_ours == texts.EDITABLE


def test_every_text_has_a_preview(mona, harbor):
    failed = []
    for text in mail_texts.every(harbor.clinic):
        page = mona.get(f"/settings/texts/{text.kind}/{text.language}/preview")
        if page.status_code != 200 or 'role="alert"' in page.text or "{" in page.text.partition("<pre")[2]:
            failed.append((text.kind, text.language))

    assert failed == []


EVIL = "Trouble? Open https://evil.example/r?u={name} instead.\n\n[Choose a password]({name})"


@pytest.mark.parametrize("kind", ["account", "invitation", "address", "address-confirm"])
def test_the_text_of_a_mail_with_a_key_cannot_be_changed(session, harbor, mona, kind):
    body = EVIL.replace("{name}", "{action_link}")
    answers = [
        mona.post(f"/settings/texts/{kind}/en{end}", data={"body": body})
        for end in ("", "/preview", "/reset")
    ]

    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert f"/settings/texts/{kind}/" not in mona.get("/settings/texts").text
    assert texts_of(session, harbor) == {}
    with pytest.raises(Invalid):
        settings_changes.change(session, harbor.actor("mona"), {"mail_texts": {f"{kind}.en": body}}, NOW)


def test_a_link_of_patients_cannot_be_sent_elsewhere(session, harbor, mona):
    answer = mona.post(ADDRESS, data={"body": EVIL.replace("{name}", "{link}")})

    assert answer.status_code == 422
    assert "{link} must be a button" in answer.text
    assert texts_of(session, harbor) == {}


def test_a_stored_text_that_breaks_the_rule_is_not_sent_and_the_page_says_so(session, harbor, mona):
    stored = {
        "reminder.en": EVIL.replace("{name}", "{link}"),
        "account.en": EVIL.replace("{name}", "{clinic}"),
    }
    harbor.clinic.settings_document = {"mail_texts": stored}
    session.commit()
    listed, editor = mona.get("/settings/texts").text, mona.get(ADDRESS).text

    assert texts.text_of("reminder", "en", stored) == texts.text_of("reminder", "en")
    assert "your text can't be used, so the default is sent" in listed
    assert "This text can't be used, so the default is sent" in editor
    assert "evil.example" in editor
    assert (
        mona.post("/settings/texts/change/en", data={"body": OWN}).status_code == 303
    )  # another one is free
    assert texts_of(session, harbor) == stored | {"change.en": OWN}
    mona.post(ADDRESS, data={"body": OWN})
    assert "can't be used" not in mona.get("/settings/texts").text


@pytest.mark.parametrize("address", ["/settings/texts/nothing/en", "/settings/texts/reminder/fr"])
def test_there_is_no_other_text(mona, address):
    assert mona.get(address).status_code == 404
    assert mona.post(address, data={"body": "x"}).status_code == 404


def test_who_may_not_set_anything_may_not_change_a_text(session, harbor, signed_in):
    alice = signed_in(harbor, "alice")

    assert [
        alice.post(f"{ADDRESS}{end}", data={"body": "x"}).status_code for end in ("", "/reset", "/preview")
    ] == [
        403,
        403,
        403,
    ]
    assert texts_of(session, harbor) == {}
