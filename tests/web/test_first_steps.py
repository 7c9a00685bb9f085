import pytest

from scheduler.models.user import StaffRole
from scheduler.services.clinic import plans
from tests.cast import NOW, add_patient, add_person, add_place, bare, found, hire, shipped


@pytest.fixture
def fresh(session):
    """A clinic with nothing but its people's accounts."""
    cast = bare(session, "fresh", "Fresh Clinic", "America/Denver")
    hire(session, cast, "ada", StaffRole.ADMIN)
    hire(session, cast, "alice", StaffRole.FRONT_DESK)
    session.commit()
    return cast


def test_a_new_clinics_admin_is_led_to_the_checklist(fresh, signed_in):
    client = signed_in(fresh, "ada")
    home, start, patients = (client.get(page) for page in ("/", "/start", "/patients"))

    assert (home.status_code, home.location) == (303, "/start")
    assert ("0 of 6 done" in start.text, "Next: opening hours" in patients.text) == (True, True)


def test_whoever_cannot_set_up_is_not_led(fresh, signed_in):
    client = signed_in(fresh, "alice")

    assert (client.get("/").status_code, client.get("/start").status_code) == (200, 403)
    assert "Setting up" not in client.get("/patients").text


def test_it_disappears_once_everything_is_there(session, signed_in):
    cast = found(session, "half", "Half Clinic", "America/Denver")
    hire(session, cast, "ada", StaffRole.ADMIN)
    add_place(session, cast, "Chair 1", "chair")
    add_person(session, cast, "Nina", "nurse")
    session.commit()
    client = signed_in(cast, "ada")
    before = client.get("/patients").text
    session.rollback()
    plans.load(session, cast.command, shipped()[0], NOW)
    cast.clinic.settings_document = {"answer_contacts": ["ada@example.org"]}
    add_patient(session, cast, "Asha", "Rao")
    session.commit()
    after = client.get("/patients").text

    assert ("3 of 6 done" in before, "Next: a protocol" in before) == (True, True)
    assert "Setting up" not in after
    assert client.get("/").status_code == 200
    assert "Half Clinic is ready" in client.get("/start").text
