from pathlib import Path

import pytest

import config
from config import ConfigError, DkimKey, MailServer
from tests.rsa_keys import rsa_pem

KEY = "b1946ac92492d2347c6235b4d2611184a0f3c7d8e95b26f1"
PLACEHOLDER = f"looks like a placeholder; make one with: {config.PROPER_KEY}"


@pytest.fixture
def production(tmp_path):
    return {
        "INSTANCE_PATH": str(tmp_path),
        "SECRET_KEY": KEY,
        "PUBLIC_URL": "https://visits.clinic.example",
        "SMTP_URL": "smtps://desk:p%40ss@mail.clinic.example",
        "MAIL_FROM": "Clinic <desk@clinic.example>",
    }


@pytest.fixture
def demo(tmp_path):
    return {"INSTANCE_PATH": str(tmp_path), "APP_ENV": "demo", "SECRET_KEY": KEY}


def refusal(environ):
    with pytest.raises(ConfigError) as caught:
        config.load(environ)
    return caught.value.name, caught.value.reason


def test_environment_is_production_unless_set(production):
    assert config.load(production).app_env == "production"


def test_defaults_of_the_demo(demo, tmp_path):
    settings = config.load(demo)

    assert settings.database_url == f"sqlite:///{tmp_path}/seriate.db"
    assert settings.public_url == "http://127.0.0.1:8000"
    assert settings.smtp == MailServer("127.0.0.1", 2525, "plain")
    assert settings.smtp_final_wait == 600
    assert settings.mail_per_minute == 600
    assert settings.ambiguous_send == "resend"
    assert settings.solver_seconds == 60
    assert (settings.inbox, settings.clock_file) == (None, None)
    assert (settings.port, settings.web_concurrency, settings.trusted_proxies) == (8000, 1, 0)
    assert settings.log_level == "INFO"


def test_an_empty_variable_counts_as_unset(demo):
    assert config.load(demo | {"PORT": "", "CLOCK_FILE": ""}).port == 8000


@pytest.mark.parametrize("name", ["SECRET_KEY", "PUBLIC_URL", "SMTP_URL", "MAIL_FROM"])
def test_production_says_these_itself(production, name):
    del production[name]

    assert refusal(production) == (name, "is missing")


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("x7K" * 10, "must be at least 32 bytes long"),
        ("abcabcabc" * 5, PLACEHOLDER),
        ("please-Change-this-0123456789abcdefghij", PLACEHOLDER),
    ],
)
def test_production_refuses_a_weak_key(production, key, reason):
    assert refusal(production | {"SECRET_KEY": key}) == ("SECRET_KEY", reason)


def test_former_keys_are_checked_like_the_present_one(production):
    assert config.load(production | {"SECRET_KEY_FALLBACKS": f"{KEY[::-1]}, {KEY}"}).secret_key_fallbacks == (
        KEY[::-1],
        KEY,
    )
    assert refusal(production | {"SECRET_KEY_FALLBACKS": "short"})[0] == "SECRET_KEY_FALLBACKS"


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"PUBLIC_URL": "http://visits.clinic.example"}, "PUBLIC_URL"),
        ({"CLOCK_FILE": "offset"}, "CLOCK_FILE"),
        ({"FLASK_DEBUG": "1"}, "FLASK_DEBUG"),
        ({"SMTP_FINAL_WAIT": "60"}, "SMTP_FINAL_WAIT"),
    ],
)
def test_production_refuses_what_a_demo_may(production, demo, change, name):
    assert refusal(production | change)[0] == name
    assert config.load(demo | change).app_env == "demo"


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "http://localhost", "http://[::1]:9000"])
def test_production_allows_http_to_the_same_machine(production, url):
    assert config.load(production | {"PUBLIC_URL": url}).public_url == url


@pytest.mark.parametrize("app_env", ["demo", "test"])
@pytest.mark.parametrize("url", ["smtp://mail.clinic.example", "smtps://192.0.2.7:465"])
def test_demo_and_test_mail_nobody(demo, app_env, url):
    change = {"APP_ENV": app_env, "SMTP_URL": url}

    assert refusal(demo | change) == (
        "SMTP_URL",
        "must be on this machine: a demo or a test sends no email elsewhere",
    )


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example", MailServer("mail.example", 587, "starttls")),
        ("smtp://desk:p%40ss@mail.example:25", MailServer("mail.example", 25, "starttls", "desk", "p@ss")),
        ("smtps://mail.example", MailServer("mail.example", 465, "tls")),
        ("smtp://localhost:1025", MailServer("localhost", 1025, "plain")),
        ("smtp://[::1]:1025", MailServer("::1", 1025, "plain")),
    ],
)
def test_smtp_is_plain_only_to_the_same_machine(production, url, server):
    assert config.load(production | {"SMTP_URL": url}).smtp == server


def test_inbox(production):
    settings = config.load(production | {"INBOX_URL": "imaps://desk:word@mail.example"})

    assert settings.inbox == MailServer("mail.example", 993, "tls", "desk", "word")
    assert settings.answers_read


def test_an_alias_in_place_of_an_inbox(production):
    nothing = config.load(production)
    alias = config.load(production | {"INBOX_URL": "alias:"})

    assert (alias.inbox, alias.answers_read, nothing.answers_read) == (None, True, False)
    assert alias.mail_digest != nothing.mail_digest


@pytest.fixture
def signing(production, tmp_path):
    """Settings with a key to sign mail with."""
    file = tmp_path / "dkim.pem"
    file.write_bytes(rsa_pem())
    file.chmod(0o600)
    return production | {"DKIM_KEY_FILE": str(file), "DKIM_SELECTOR": "Seriate2026"}


def test_mail_is_signed_for_the_domain_of_the_sender(signing):
    assert config.load(signing).dkim == DkimKey("clinic.example", "seriate2026", rsa_pem())
    assert "PRIVATE" not in repr(config.load(signing))


def test_mail_may_be_signed_for_a_domain_above_that_of_the_sender(signing):
    below = signing | {"MAIL_FROM": "desk@mail.clinic.example", "DKIM_DOMAIN": "clinic.example."}

    assert config.load(below).dkim.domain == "clinic.example"


@pytest.mark.parametrize(
    ("change", "name", "reason"),
    [
        ({"DKIM_KEY_FILE": ""}, "DKIM_SELECTOR", "is given without DKIM_KEY_FILE"),
        ({"DKIM_SELECTOR": ""}, "DKIM_SELECTOR", "is missing"),
        ({"DKIM_SELECTOR": "a b"}, "DKIM_SELECTOR", "must be a name in the DNS"),
        ({"DKIM_DOMAIN": "other.example"}, "DKIM_DOMAIN", "must be clinic.example, the domain of MAIL_FROM"),
        ({"DKIM_DOMAIN": "inic.example"}, "DKIM_DOMAIN", "must be clinic.example, the domain of MAIL_FROM"),
        ({"DKIM_KEY_FILE": "/nowhere/dkim.pem"}, "DKIM_KEY_FILE", "cannot be read: /nowhere/dkim.pem"),
    ],
)
def test_settings_that_sign_nothing_are_refused(signing, change, name, reason):
    assert (name, True) == (refusal(signing | change)[0], reason in refusal(signing | change)[1])


@pytest.mark.parametrize(
    ("content", "mode", "reason"),
    [
        (b"not a key", 0o600, "must be an RSA key in PEM form"),
        (None, 0o604, "can be read by every user"),
        (rsa_pem(1024), 0o640, ""),
    ],
)
def test_a_key_file(signing, content, mode, reason):
    file = Path(signing["DKIM_KEY_FILE"])
    file.write_bytes(content or rsa_pem())
    file.chmod(mode)

    if reason:
        assert reason in refusal(signing)[1]
    else:
        assert config.load(signing).dkim is not None


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("postgresql://desk:word@db/seriate", "postgresql+psycopg://desk:word@db/seriate"),
        ("postgres://db/seriate?sslmode=require", "postgresql+psycopg://db/seriate?sslmode=require"),
        ("sqlite:////srv/seriate.db", "sqlite:////srv/seriate.db"),
    ],
)
def test_database_addresses(production, given, used):
    assert config.load(production | {"DATABASE_URL": given}).database_url == used


def test_a_relative_sqlite_path_lies_in_the_instance_folder(production, tmp_path):
    settings = config.load(production | {"DATABASE_URL": "sqlite:///clinic.db"})

    assert settings.database_url == f"sqlite:///{tmp_path}/clinic.db"


@pytest.mark.parametrize(
    "change",
    [
        {"APP_ENV": "staging"},
        {"DATABASE_URL": "mysql://db/seriate"},
        {"DATABASE_URL": "seriate.db"},
        {"DATABASE_URL": "sqlite://"},
        {"DATABASE_URL": "sqlite:///:memory:"},
        {"PUBLIC_URL": "visits.clinic.example"},
        {"PUBLIC_URL": "https://visits.clinic.example/desk"},
        {"PUBLIC_URL": "https://visits.clinic.example:port"},
        {"PUBLIC_URL": "https://desk@visits.clinic.example"},
        {"SMTP_URL": "mail.clinic.example:25"},
        {"SMTP_URL": "smtp://desk@mail.clinic.example"},
        {"SMTP_URL": "smtp://mail.clinic.example:99999"},
        {"SMTP_URL": "smtp://mail.clinic.example/path"},
        {"SMTP_URL": "smtp://mail.clinic.example\n"},
        {"SMTP_FINAL_WAIT": "0"},
        {"MAIL_PER_MINUTE": "0"},
        {"SOLVER_SECONDS": "601"},
        {"INBOX_URL": "smtp://mail.clinic.example"},
        {"INBOX_URL": "alias:desk"},
        {"MAIL_FROM": "the clinic"},
        {"MAIL_FROM": "desk@clinic.example\r\nBcc: all@clinic.example"},
        {"AMBIGUOUS_SEND": "maybe"},
        {"TRUSTED_PROXIES": "-1"},
        {"LOG_LEVEL": "loud"},
        {"PORT": "0"},
        {"PORT": "70000"},
        {"PORT": "80 00"},
        {"WEB_CONCURRENCY": "many"},
    ],
    ids=str,
)
def test_a_bad_value_names_its_variable(production, change):
    assert refusal(production | change)[0] == next(iter(change))


def test_a_refusal_repeats_no_secret(production):
    address = "postgresql://desk:hunter2hunter2@db:port/seriate"

    assert "hunter2" not in str(refusal(production | {"DATABASE_URL": address}))
    assert "hunter2" not in repr(config.load(production | {"DATABASE_URL": address.replace(":port", "")}))


def test_the_instance_file_lies_below_the_environment(tmp_path):
    write(tmp_path, f"# written once\n\nAPP_ENV=demo\nSECRET_KEY={KEY}\nPORT=9000\nLOG_LEVEL=debug\n")

    settings = config.load({"INSTANCE_PATH": str(tmp_path), "PORT": "9001"})

    assert (settings.app_env, settings.secret_key) == ("demo", KEY)
    assert (settings.port, settings.log_level) == (9001, "DEBUG")


def test_a_demo_file_lends_production_nothing(tmp_path):
    write(tmp_path, f"APP_ENV=demo\nSECRET_KEY={KEY}\n")

    assert refusal({"INSTANCE_PATH": str(tmp_path), "APP_ENV": "production"}) == ("SECRET_KEY", "is missing")


def test_a_bad_line_of_the_instance_file_is_named(tmp_path):
    write(tmp_path, "APP_ENV=demo\nSECRET KEY\n")

    assert refusal({"INSTANCE_PATH": str(tmp_path)}) == (str(tmp_path / "env"), "line 2 is not NAME=value")


def test_cookie_is_bound_to_the_host_under_https(production):
    flask = config.load(production).flask_config()

    assert flask["SESSION_COOKIE_NAME"] == "__Host-seriate"
    assert (flask["SESSION_COOKIE_SECURE"], flask["SESSION_COOKIE_PATH"]) == (True, "/")
    assert (flask["SESSION_COOKIE_HTTPONLY"], flask["SESSION_COOKIE_SAMESITE"]) == (True, "Lax")


def test_cookie_works_without_https_on_the_same_machine(demo):
    flask = config.load(demo).flask_config()

    assert (flask["SESSION_COOKIE_NAME"], flask["SESSION_COOKIE_SECURE"]) == ("seriate", False)


def write(folder: Path, text: str) -> None:
    (folder / "env").write_text(text, encoding="utf-8")
