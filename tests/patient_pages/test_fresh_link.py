import pytest

from scheduler.models.message import Message, MessageKind
from scheduler.patient_pages.fresh_link import ASKED
from scheduler.services.limits import HOUR
from tests.calendar_cast import make_clinic, make_patient
from tests.engines import both


@pytest.fixture
def ask(client, ana, session):
    session.commit()

    def post(email, **options):
        return client.post("/visits", data={"email": email}, **options)

    return post


def mails(session):
    session.rollback()
    return [(m.kind, m.patient_id, m.recipient) for m in session.query(Message).order_by(Message.id)]


@both
def test_a_known_address_gets_a_link_and_everybody_the_same_answer(session, ask, ana):
    known, unknown = ask(" Ana@Patients.example "), ask("nobody@patients.example")

    assert known.status_code == unknown.status_code == 200
    assert known.data == unknown.data
    assert "Check your email" in known.get_data(as_text=True)
    assert mails(session) == [(MessageKind.LINK, ana.id, "patient")]


def test_who_looks_after_somebody_gets_their_link(session, ask, ana):
    ana.proxy_email, ana.proxy_name = "bo@patients.example", "Bo"
    session.commit()
    ask("bo@patients.example")

    assert mails(session) == [(MessageKind.LINK, ana.id, "proxy")]


def test_one_address_may_be_known_to_two_clinics(session, ask, ana):
    other = make_patient(session, make_clinic(session, "hill"))
    session.commit()
    ask("ana@patients.example")

    assert {patient for _, patient, _ in mails(session)} == {ana.id, other.id}


@pytest.mark.parametrize("text", ["", "x", "@", "a@b\r\nBcc: c@d", "%", "é" * 3000])
def test_what_is_no_address_of_ours_sends_nothing(session, ask, text):
    assert ask(text).status_code == 200
    assert mails(session) == []


def test_a_patient_is_not_flooded(session, ask, at):
    for _ in range(5):
        ask("ana@patients.example")
    assert len(mails(session)) == 3

    at.time += HOUR
    ask("ana@patients.example")
    assert len(mails(session)) == 4


def test_a_machine_that_asks_for_many_is_not_heard(session, ask):
    for number in range(ASKED.most):
        ask(f"{number}@patients.example")

    assert ask("ana@patients.example").status_code == 200
    assert mails(session) == []
    ask("ana@patients.example", environ_base={"REMOTE_ADDR": "192.0.2.9"})
    assert len(mails(session)) == 1


def test_the_form_is_there_in_the_browsers_language(client):
    page = client.get("/visits", headers={"Accept-Language": "es-MX,es;q=0.9"})

    assert "Reciba un enlace a sus citas" in page.get_data(as_text=True)
