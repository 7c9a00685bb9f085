import stat

import pytest

import config
from tools import demo_settings
from tools.places import Refused


@pytest.fixture
def file(tmp_path):
    return tmp_path / "env"


def run(file, environ=None, **chosen):
    """Do what one `make run` does, and return what a second terminal sees."""
    demo_settings.save(file, demo_settings.compose(file, environ or {}, chosen))
    return config.parse(file.read_text(), "env")


def test_the_first_run_makes_a_demo_with_a_key_of_its_own(file, tmp_path):
    first = run(file)
    other = run(tmp_path / "other")

    assert first["APP_ENV"] == "demo"
    assert len(first["SECRET_KEY"]) == 64
    assert first["SECRET_KEY"] != other["SECRET_KEY"]


def test_only_the_owner_reads_it(file):
    run(file)
    run(file)

    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_key_and_what_a_person_added_last(file):
    key = run(file)["SECRET_KEY"]
    file.write_text(
        file.read_text().replace("APP_ENV=demo", "APP_ENV=demo\nMAIL_FROM=Desk <desk@clinic.example>")
    )

    again = run(file)

    assert (again["SECRET_KEY"], again["MAIL_FROM"]) == (key, "Desk <desk@clinic.example>")


def test_what_a_run_was_given_is_seen_until_the_next(file):
    given = {"DATABASE_URL": "postgresql://db/seriate", "PORT": "8001", "HOME": "/home/desk"}
    first = run(file, given, SMTP_URL="smtp://127.0.0.1:40001")
    second = run(file, SMTP_URL="smtp://127.0.0.1:40002")

    assert {name: first.get(name) for name in (*given, "SMTP_URL")} == {
        "DATABASE_URL": "postgresql://db/seriate",
        "PORT": "8001",
        "HOME": None,
        "SMTP_URL": "smtp://127.0.0.1:40001",
    }
    assert {name: second.get(name) for name in (*given, "SMTP_URL")} == {
        "DATABASE_URL": None,
        "PORT": None,
        "HOME": None,
        "SMTP_URL": "smtp://127.0.0.1:40002",
    }


def test_runs_do_not_make_it_longer(file):
    run(file, PORT="8001")
    once = file.read_text()
    run(file, PORT="8001")

    assert file.read_text() == once


def test_a_production_file_is_left_alone(file):
    file.write_text("APP_ENV=production\n")

    with pytest.raises(Refused) as refusal:
        run(file)

    assert str(refusal.value) == (
        f"{file} does not say APP_ENV=demo: `make run` runs the demo and leaves it alone."
    )
    assert file.read_text() == "APP_ENV=production\n"
