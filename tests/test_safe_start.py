import os
import pwd
import tempfile
from pathlib import Path

import pytest
from flask import request
from sqlalchemy import create_engine, text

import config
from scheduler import safe_start
from scheduler.app import create_app
from tests.engines import SECRET_KEY

PRODUCTION = {
    "APP_ENV": "production",
    "SECRET_KEY": SECRET_KEY,
    "PUBLIC_URL": "https://clinic.example",
    "SMTP_URL": "smtps://mail.clinic.example",
    "MAIL_FROM": "Clinic <desk@clinic.example>",
}


def production(folder, **changes):
    return config.load({**PRODUCTION, "INSTANCE_PATH": str(folder), **changes})


def test_a_database_that_others_can_read_is_refused(tmp_path):
    database = tmp_path / "seriate.db"
    database.touch()
    database.chmod(0o644)
    with pytest.raises(config.ConfigError, match="chmod 600"):
        create_app(production(tmp_path))
    database.chmod(0o600)

    safe_start.check(production(tmp_path))


def as_nobody(work):
    """Return what `work` raises for an ordinary user, in a process of its own where the tests run as root."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        words = "nothing"
        try:
            if os.getuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            work()
        except config.ConfigError as refused:
            words = str(refused)
        except BaseException as other:
            words = repr(other)
        os.write(write, words.encode())
        os._exit(0)
    os.waitpid(child, 0)
    return os.read(read, 10_000).decode()


@pytest.fixture
def reachable():
    """A folder that every user may enter, as /srv is."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.parametrize(
    ("closed", "setting", "kind"),
    [
        ("instance", "INSTANCE_PATH", "folder"),
        ("instance/env", "INSTANCE_PATH", "file"),
        ("instance/seriate.db", "DATABASE_URL", "file"),
        ("instance/seriate.db-wal", "DATABASE_URL", "file"),
    ],
)
def test_what_belongs_to_another_user_is_named_with_the_command_that_helps(reachable, closed, setting, kind):
    instance = reachable / "instance"
    instance.mkdir(mode=0o777)
    instance.chmod(0o777)
    for name in ("env", "seriate.db", "seriate.db-wal"):
        (instance / name).touch()
        (instance / name).chmod(0o666)
    path = reachable / closed
    path.chmod(0)  # a root's folder of 0700 is closed to others in the same way
    settings = {**PRODUCTION, "INSTANCE_PATH": str(instance)}
    words = as_nobody(lambda: safe_start.make_folder(config.load(settings)))
    path.chmod(0o700)

    owner, user = (
        pwd.getpwuid(uid).pw_name for uid in (path.stat().st_uid, 65534 if os.getuid() == 0 else os.getuid())
    )
    helps = f"sudo chown -R {user}: {path}" if os.getuid() == 0 else f"chmod u+rwX {path}"
    assert words == (
        f"{setting} is a {kind} that user {user} cannot use: {path} belongs to {owner} (mode 0); run: {helps}"
    )


@pytest.mark.parametrize(
    ("folder", "kind"),
    [("/srv/clinic", "nfs4"), ("/srv", "ext4"), ("/srvx", "ext4"), ("/srv/my clinic/a", "cifs")],
)
def test_the_filesystem_of_a_folder_is_found(tmp_path, folder, kind):
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n"
        "31 22 0:40 / /srv/clinic rw - nfs4 server:/export rw\n"
        "32 22 0:41 / /srv/my\\040clinic rw shared:1 - cifs //server/share rw\n"
    )

    assert safe_start.filesystem_of(Path(folder), mounts) == kind


def test_a_database_on_a_network_filesystem_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(safe_start, "filesystem_of", lambda _: "nfs4")
    with pytest.raises(config.ConfigError, match="nfs4"):
        create_app(production(tmp_path))


def test_a_production_with_demo_data_is_refused(app, session, harbor, database_url, tmp_path):
    harbor.users["alice"].email = "desk@demo.seriate.example"
    session.commit()
    engine = create_engine(database_url)
    with pytest.raises(config.ConfigError, match="demo clinic"):
        safe_start.refuse_demo_data(production(tmp_path), engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE \"user\" SET email = 'alice@example.org' WHERE email LIKE '%demo%'"))

    safe_start.refuse_demo_data(production(tmp_path), engine)
    engine.dispose()


@pytest.mark.parametrize(("hops", "address"), [("0", "127.0.0.1"), ("1", "192.0.2.9"), ("2", "192.0.2.8")])
def test_only_trusted_proxies_say_where_a_request_came_from(tmp_path, hops, address):
    app = create_app(
        config.load(
            {
                "APP_ENV": "test",
                "SECRET_KEY": SECRET_KEY,
                "INSTANCE_PATH": str(tmp_path),
                "TRUSTED_PROXIES": hops,
            }
        )
    )
    seen = []

    def look():
        seen.append(request.remote_addr)

    app.before_request_funcs[None].insert(0, look)  # before a database without tables is refused
    app.test_client().get("/login", headers={"X-Forwarded-For": "10.0.0.1, 192.0.2.8, 192.0.2.9"})
    assert seen == [address]
