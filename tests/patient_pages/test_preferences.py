import pytest

from scheduler.models.patient import Patient
from scheduler.services import private_links
from tests.calendar_cast import DAY
from tests.patient_pages.conftest import mailed, mark_in


@pytest.fixture
def save(client, session, token):
    path = f"/visits/{token}/preferences"

    def post(mark=None, **fields):
        data = {"language": "en", "reminders": "yes", **fields}
        answered = client.post(path, data={"mark": mark or mark_in(client.get(path)), **data})
        session.rollback()
        return answered

    return post


@pytest.fixture
def ana_now(session, ana):
    return lambda: session.get(Patient, ana.id, populate_existing=True)


def test_wishes_are_saved_and_shown_again(client, session, ana, save, ana_now, token):
    ana.preferences = {"note": "knocks twice"}
    session.commit()
    saved = save(language="es", weekdays=["1", "3"], earliest="09:00", latest="12:00")

    assert saved.status_code == 303
    now = ana_now()
    assert now.language == "es"
    assert now.preferences == {
        "note": "knocks twice",
        "weekdays": [1, 3],
        "earliest": "09:00",
        "latest": "12:00",
    }
    page = client.get(f"/visits/{token}/preferences").get_data(as_text=True)
    assert page.count("checked") == 4  # language, two days, reminders


def test_what_cannot_be_is_asked_again_and_nothing_is_saved(save, ana_now):
    wrong = save(email="not an address", language="es")

    assert wrong.status_code == 422
    assert "This doesn&#39;t look like an email address." in wrong.get_data(as_text=True)
    assert (ana_now().email, ana_now().language) == ("ana@patients.example", "en")


def test_an_old_form_does_not_overwrite_what_the_desk_changed(client, session, ana, save, ana_now, token):
    mark = mark_in(client.get(f"/visits/{token}/preferences"))
    ana.row_version += 1
    session.commit()

    assert save(mark, language="es").status_code == 409
    assert ana_now().language == "en"


def test_reminders_are_stopped_and_wanted_again(save, ana_now, at):
    save(reminders="no")
    assert ana_now().unsubscribed_at == at.time
    save(reminders="yes")
    assert ana_now().unsubscribed_at is None


def test_a_mail_program_unsubscribes_with_one_post_and_a_scanner_with_no_get(
    client, session, clinic, ana, visit, at, ana_now
):
    token = mailed(session, clinic, ana, [visit], purpose=private_links.UNSUBSCRIBE)
    path = f"/visits/{token}/unsubscription"

    assert "Stop reminders?" in client.get(path).get_data(as_text=True)
    session.rollback()
    assert ana_now().unsubscribed_at is None
    at.time += 60 * DAY
    done = client.post(path, data={"List-Unsubscribe": "One-Click"})
    session.rollback()
    assert (done.status_code, ana_now().unsubscribed_at) == (200, at.time)
    assert "Reminders are off" in done.get_data(as_text=True)
    assert client.get(f"/visits/{token}/preferences").status_code == 404
