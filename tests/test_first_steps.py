"""The first steps of the documentation work one after the other, in a fresh folder, whatever the umask.

Each command runs in a process of its own, as `flask` does, on the settings that the documentation sets; the processes
are forked from one that has imported the program, which takes longer than most of the commands.
"""

import json
import os
import re
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engines import SECRET_KEY, empty_database

ROOT = Path(__file__).resolve().parent.parent
OPERATING = (ROOT / "docs" / "operating.md").read_text()
FIRST, BACKUP, AGREE = "First time", "Backup and restore", ["flask", "clock", "agree"]
RUNNER = """
import json, os, sys
import scheduler.app
from flask.cli import main

os.umask(0o022)
for changes, command in json.load(sys.stdin):
    child = os.fork()
    if not child:
        os.environ.update(changes)
        sys.argv = command
        main()
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(f"[{' '.join(command)}] {code}", flush=True)
    if code:
        break
"""


def commands(heading):
    """Return the flask commands of a section's first block."""
    section = OPERATING.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    block = re.findall(r"```\n(.*?)```", section, re.DOTALL)[0]
    lines = [line.split("#")[0].strip() for line in block.splitlines()]
    return [
        shlex.split(line.removeprefix(".venv/bin/")) for line in lines if line.startswith(".venv/bin/flask ")
    ]


def run(folder, steps):
    """Run the steps in production's settings; return what was printed, standard error after it."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    environ = inherited | {
        "APP_ENV": "production",
        "SECRET_KEY": SECRET_KEY,
        "PUBLIC_URL": "https://schedule.clinic.example",
        "SMTP_URL": "smtp://user:password@mail.example:587",
        "MAIL_FROM": "Linden Court <desk@clinic.example>",
        "INSTANCE_PATH": str(folder / "instance"),
        "FLASK_APP": "wsgi",
    }
    done = subprocess.run(
        [sys.executable, "-c", RUNNER],
        cwd=ROOT, env=environ, input=json.dumps(steps), capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    return done.stdout, done.stderr


def in_folder(command, folder):
    """Return the command with the documentation's folders replaced by the test's."""
    return [re.sub(r"^/(safe|root)/", f"{folder}/", word) for word in command]


def test_they_are_found():
    assert [command[:3] for command in commands(FIRST)] == [
        ["flask", "db", "upgrade"],
        ["flask", "clinic", "create"],
        ["flask", "user", "create"],
    ]
    assert [command[1] for command in commands(BACKUP)] == ["backup", "restore"]


def test_on_sqlite_and_over_to_postgresql(shared_folder, tmp_path):
    (tmp_path / "seriate-backup.key").write_text("8f1d0c5b7a3e4962b1c8d7e6f5a40392")
    taken, brought = (in_folder(command, tmp_path) for command in commands(BACKUP))
    with empty_database("postgresql", shared_folder, tmp_path) as url:
        steps = [[{}, command] for command in (*commands(FIRST), taken)]
        for where in ("sqlite:///second.db", url):
            there = {"DATABASE_URL": where}
            steps += [[there, command] for command in (brought, AGREE, ["flask", "clinic", "list"])]
        printed, trouble = run(tmp_path, steps)

    codes = re.findall(r"^\[.*\] (\d+)$", printed, re.MULTILINE)
    assert codes == ["0"] * len(steps), f"{printed}\n{trouble}"
    assert printed.count("linden  Linden Court  America/New_York") == 2
    assert "rows\n" not in trouble  # no progress without a terminal
    assert modes(tmp_path) == {}


@pytest.mark.parametrize("engine_name", ["postgresql"])
def test_on_postgresql(engine_name, shared_folder, tmp_path):
    with empty_database(engine_name, shared_folder, tmp_path) as url:
        printed, trouble = run(tmp_path, [[{"DATABASE_URL": url}, command] for command in commands(FIRST)])

    assert re.findall(r"^\[.*\] (\d+)$", printed, re.MULTILINE) == ["0"] * 3, f"{printed}\n{trouble}"


def modes(folder):
    """Return what others than the owner may do anything with, but for what the test wrote itself."""
    open_to_others = stat.S_IRWXG | stat.S_IRWXO
    return {
        path.name: oct(path.stat().st_mode)
        for path in [*folder.glob("instance/*"), *folder.glob("seriate-2*"), folder / "instance"]
        if path.stat().st_mode & open_to_others
    }
