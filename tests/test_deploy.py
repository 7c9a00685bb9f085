"""The files of deploy/ agree with the program: settings, ports, commands, and what systemd itself says of the units."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

import config

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
OURS = {name: service for name, service in COMPOSE["services"].items() if service["image"] == "seriate"}
EXAMPLE = (DEPLOY / "env.example").read_text()
HIGHEST_EXPOSURE = 15  # tenths, as systemd counts them; 1.4 was measured with systemd 252
NOT_SETTINGS = {"PATH", "PYTHONDONTWRITEBYTECODE"}


def commands():
    """Yield each command that a unit, a container or the image starts."""
    for unit in UNITS:
        yield re.search(r"^ExecStart=/srv/seriate/\.venv/bin/(flask .+)$", unit.read_text(), re.MULTILINE)[1]
    for service in OURS.values():
        yield service["command"]


def test_every_command_exists(app):
    started = {command.split()[1] for command in commands()}

    assert started == {"web", "clock", "worker", "db"}
    assert started <= set(app.cli.commands)


def test_every_setting_that_is_named_exists():
    unit_settings = re.findall(
        r"^Environment=(\w+)=", (DEPLOY / "systemd/seriate-.service.d/common.conf").read_text(), re.M
    )
    image = re.search(r"^ENV (.+)$", (DEPLOY / "Containerfile").read_text(), re.MULTILINE)[1]
    named = {
        *re.findall(r"^#?([A-Z_]+)=", EXAMPLE, re.MULTILINE),
        *unit_settings,
        *re.findall(r"(\w+)=", image),
        *(name for service in OURS.values() for name in service["environment"]),
    }

    assert named - set(config.NAMES) - NOT_SETTINGS == set()


def test_the_example_is_a_production_once_it_has_a_key(tmp_path):
    values = config.parse(EXAMPLE, "env.example")

    with pytest.raises(config.ConfigError, match="SECRET_KEY"):
        config.load({**values, "INSTANCE_PATH": str(tmp_path)})
    settings = config.load({**values, "SECRET_KEY": "8f1d0c5b7a3e4962" * 4, "INSTANCE_PATH": str(tmp_path)})
    assert (settings.app_env, settings.trusted_proxies) == ("production", 1)
    assert not re.search(r"""=["']|\\""", EXAMPLE)  # systemd would read these differently than config.py


def test_no_container_has_more_rights_than_it_needs():
    for service in OURS.values():
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
    assert re.search(r"^USER [1-9]\d*$", (DEPLOY / "Containerfile").read_text(), re.MULTILINE)


def test_passwords_are_required_and_not_given():
    passwords = re.findall(r"\$\{POSTGRES_PASSWORD([^}]*)\}", (DEPLOY / "compose.yaml").read_text())

    assert len(passwords) == 2
    assert all(after.startswith(":?") for after in passwords)


def test_ports_agree():
    caddy = (DEPLOY / "Caddyfile").read_text()
    port = OURS["web"]["environment"]["PORT"]

    assert COMPOSE["services"]["caddy"]["environment"]["UPSTREAM"] == f"web:{port}"
    assert f"{{$UPSTREAM:127.0.0.1:{port}}}" in caddy
    assert f"EXPOSE {port}\n" in (DEPLOY / "Containerfile").read_text()
    assert f"127.0.0.1:{port}/livez" in (DEPLOY / "Containerfile").read_text()


def test_what_the_image_copies_is_there():
    lines = re.findall(r"^COPY (?!--from)(.+) \S+$", (DEPLOY / "Containerfile").read_text(), re.MULTILINE)

    assert [name for line in lines for name in line.split() if not (ROOT / name).exists()] == []


@pytest.fixture
def machine(tmp_path):
    """Return a root folder that holds what the installer copies."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("this machine has no systemd-analyze")
    units = tmp_path / "etc/systemd/system"
    shutil.copytree(DEPLOY / "systemd", units)
    for name in ("sysinit", "basic", "shutdown", "network-online", "multi-user"):
        (units / f"{name}.target").write_text("[Unit]\nDefaultDependencies=no\n")
    program = tmp_path / "srv/seriate/.venv/bin/flask"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return tmp_path


def analyze(machine, *words):
    return subprocess.run(
        ["systemd-analyze", f"--root={machine}", *words], check=False, capture_output=True, text=True
    )


def test_systemd_reads_the_units(machine):
    done = analyze(machine, "verify", "--man=no", *(unit.name for unit in UNITS), "seriate.target")

    assert (done.returncode, done.stderr) == (0, "")


def test_systemd_finds_a_wrong_line(machine):
    with (machine / "etc/systemd/system/seriate-web.service").open("a") as unit:
        unit.write("[Service]\nNoSuchSetting=yes\n")

    assert "NoSuchSetting" in analyze(machine, "verify", "--man=no", "seriate-web.service").stderr


@pytest.mark.parametrize("unit", [unit.name for unit in UNITS])
def test_systemd_finds_them_hardened(machine, unit):
    done = analyze(machine, "security", "--offline=true", f"--threshold={HIGHEST_EXPOSURE}", unit)

    assert done.returncode == 0, done.stdout + done.stderr


def test_without_what_they_share_they_are_not(machine):
    (machine / "etc/systemd/system/seriate-.service.d/common.conf").unlink()

    done = analyze(
        machine, "security", "--offline=true", f"--threshold={HIGHEST_EXPOSURE}", "seriate-web.service"
    )

    assert done.returncode != 0
