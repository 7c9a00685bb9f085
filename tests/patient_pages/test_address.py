"""A new address that is given by a link counts once it is confirmed from the new mailbox, and nobody is bypassed."""

import re
from datetime import timedelta
from email import message_from_bytes
from email.policy import default

import pytest

from config import MailServer
from scheduler.database import db
from scheduler.models.message import Message, MessageKind
from scheduler.models.patient import Patient
from scheduler.models.user import StaffRole
from scheduler.notify.smtp import Connection
from scheduler.processes.dispatch import Outbound, dispatch
from scheduler.services import private_links
from scheduler.services.mail import delivery
from scheduler.services.mail.letters import Letterhead
from scheduler.services.patient import address_changes, erasure, patients
from scheduler.services.patient.patient_record import export
from tests.calendar_cast import DAY, NOW
from tests.cast import Cast, hire
from tests.engines import SECRET_KEY, both
from tests.patient_pages.conftest import mark_in
from tests.patient_pages.test_ended_links import CALENDAR
from tests.smtp_server import Script, smtp_server

HEAD = Letterhead("https://seriate.example", (SECRET_KEY,), "Seriate <clinic@seriate.example>")
LINK = re.compile(r"https://seriate\.example(/visits/\S+)")
NEW = "ana.new@elsewhere.example"


@pytest.fixture
def desk(session, clinic):
    """The front desk, which gets notices by mail."""
    cast = Cast(clinic)
    hire(session, cast, "alice", StaffRole.FRONT_DESK)
    session.commit()
    return cast.actor("alice")


@pytest.fixture
def post(app, at):
    """A real mail server and the tick that sends to it."""
    script = Script()
    with smtp_server(script) as port:
        server = MailServer("127.0.0.1", port, "plain")
        out = Outbound(
            app, lambda: Connection(server, 2), HEAD, "resend", lambda: at.time, beat=lambda _: None
        )

        def tick(minutes=5):
            db.session.rollback()
            at.time += timedelta(minutes=minutes)
            dispatch(out)
            db.session.rollback()
            sent, script.accepted[:] = list(script.accepted), []
            return [(one.recipient, message_from_bytes(one.content, policy=default)) for one in sent]

        yield tick


@pytest.fixture
def ask(client, session, token):
    """Give a new address on the preferences page."""
    path = f"/visits/{token}/preferences"

    def post(email=NEW):
        data = {"email": email, "language": "en", "reminders": "yes"}
        answer = client.post(path, data={"mark": mark_in(client.get(path)), **data})
        session.rollback()
        return answer

    post.path = path
    return post


def body(mail):
    return " ".join(mail.get_body(("plain",)).get_content().split())


def address_now(session, ana):
    session.rollback()
    return session.get(Patient, ana.id, populate_existing=True).email


def link_in(mails, address):
    [mail] = [mail for recipient, mail in mails if recipient == address and "/address" in body(mail)]
    return LINK.search(body(mail))[1]


@both
def test_the_holder_of_a_link_cannot_readdress_the_mail_silently(
    client, session, desk, ana, ask, post, token
):
    post()  # the confirmation of the visit
    answer = ask()
    mails = post()
    texts = {recipient: body(mail) for recipient, mail in mails}

    assert answer.status_code == 303
    assert address_now(session, ana) == "ana@patients.example"
    assert "a...@elsewhere.example" in texts["ana@patients.example"]
    assert "please call us now" in texts["ana@patients.example"]
    assert "/visits/" not in texts["ana@patients.example"]
    assert "a new email address was entered on the private page" in texts["alice@example.org"]
    assert NEW in texts
    assert client.post("/visits", data={"email": NEW}).status_code == 200  # no fresh link for it
    assert NEW not in {recipient for recipient, _ in post()}


@both
def test_a_click_on_the_button_confirms_and_opening_the_link_does_not(
    client, session, desk, ana, ask, post, token
):
    ask()
    link = link_in(post(), NEW)
    page = client.get(link)
    client.head(link)
    assert "Use this email address?" in page.get_data(as_text=True)
    assert "Ana" not in page.get_data(as_text=True)
    assert address_now(session, ana) == "ana@patients.example"
    done = client.post(link, data={"mark": mark_in(page)})
    session.rollback()

    assert (done.status_code, address_now(session, ana)) == (303, NEW)
    for _ in range(2):  # opened again, it still says so
        assert "We now send email to this address" in client.get(link).get_data(as_text=True)
    assert client.post(link, data={"mark": mark_in(page)}).status_code == 410
    mails = post()
    texts = {recipient: body(mail) for recipient, mail in mails}
    assert "emails now go to the new address" in texts["alice@example.org"]
    fresh = LINK.search(texts[NEW])[1]
    assert [client.get(path).status_code for path in (f"/visits/{token}", fresh)] == [410, 200]


def test_the_calendar_of_the_patient_goes_on_when_they_confirm_a_new_address(
    client, session, desk, ana, ask, post, token
):
    path = f"/visits/{token}/calendar"
    made = client.post(path, data={"mark": mark_in(client.get(path))})
    feed = CALENDAR.search(made.get_data(as_text=True))[1]
    ask()
    link = link_in(post(), NEW)
    client.post(link, data={"mark": mark_in(client.get(link))})
    session.rollback()
    assert (address_now(session, ana), client.get(feed).status_code) == (NEW, 200)
    session.rollback()
    patients.update(session, desk, ana, {"email": "ana@patients.example"}, NOW)
    session.commit()

    assert client.get(feed).status_code == 410  # ended by the desk


@pytest.mark.parametrize(
    "case", ["ended by the desk", "refused", "given again", "two days", "no mark", "visits"]
)
def test_what_can_no_longer_be_confirmed_changes_nothing(client, session, at, desk, ana, ask, post, case):
    ask()
    link = link_in(post(), NEW)
    mark = mark_in(client.get(link))
    session.rollback()
    if case == "ended by the desk":
        private_links.end_all(session, desk, ana, NOW)
    elif case == "refused":
        address_changes.settle(session, desk, address_changes.waiting(session, desk.clinic, at.time)[0], NOW)
    session.commit()
    if case == "given again":
        ask("other@elsewhere.example")
    elif case == "two days":
        at.time += 2 * DAY
    elif case == "no mark":
        mark = "0" * 64
    elif case == "visits":
        link = link.removesuffix("/address") + "/preferences"
    answer = client.post(link, data={"mark": mark, "email": NEW})
    session.rollback()

    assert answer.status_code == {"no mark": 409, "visits": 404}.get(case, 410)
    assert address_now(session, ana) == "ana@patients.example"


def test_the_page_masks_the_address_and_says_what_waits(client, ask, token):
    before = client.get(ask.path).get_data(as_text=True)
    ask()
    after = client.get(ask.path).get_data(as_text=True)

    assert "We send email to a...@patients.example." in before
    assert "a...@elsewhere.example is not confirmed yet" in " ".join(after.split())
    assert not [one for one in (before, after) if "ana@" in one or NEW in one]


def test_the_same_address_and_none_ask_for_nothing(session, ask):
    for same in ("", "Ana@patients.example"):
        assert ask(same).location.endswith("/done/preferences")
    assert session.query(Message).filter_by(kind=MessageKind.ADDRESS).count() == 0


def test_strangers_are_not_flooded_with_mail(session, ask):
    answers = [ask(f"stranger{number}@elsewhere.example") for number in range(5)]

    assert [answer.status_code for answer in answers] == [303, 303, 303, 409, 409]
    assert "Please call us" in answers[-1].get_data(as_text=True)
    to_new = session.query(Message).filter_by(kind=MessageKind.ADDRESS, recipient="new")
    assert to_new.count() == 3


def test_without_consent_the_mails_do_not_name_the_clinic(session, desk, ana, ask, post):
    ana.email_ok = False
    session.commit()
    ask()

    for recipient, mail in post():
        if recipient != "alice@example.org":
            assert "Harbor" not in mail.as_string()


def test_a_new_address_that_does_not_work_says_nothing_of_the_present_one(
    app, session, at, desk, ana, ask, post
):
    ask("wrong@elsewhere.example")
    message = session.query(Message).filter_by(kind=MessageKind.ADDRESS, recipient="new").one()
    delivery._mark_address(session, message, at.time)
    session.commit()

    assert session.get(Patient, ana.id).email_bad_at is None
    assert "does not work" not in "".join(body(mail) for _, mail in post())


@both
def test_the_record_holds_the_change_and_an_erasure_leaves_nothing_of_it(session, at, desk, ana, visit, ask):
    ask()
    told = export(session, desk, ana, NOW)["address_changes"]
    at.time = visit.end_at + DAY
    erasure.erase(session, desk, ana, "asked for by letter", at.time)
    session.commit()

    assert [(one["former"], one["wanted"]) for one in told] == [("ana@patients.example", NEW)]
    assert session.execute(db.text("SELECT count(*) FROM address_change")).scalar() == 0
    assert "elsewhere.example" not in repr([one.values for one in session.query(Message)])
