import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "tools" / "find-python"


@pytest.fixture
def machine(tmp_path):
    """A machine with a shell and only the interpreters that the test puts there."""
    (tmp_path / "sh").symlink_to("/bin/sh")
    return tmp_path


def put(machine, name, version, *, can_make_environments=True):
    """Put an interpreter that answers the three questions of the script as that version would."""
    file = machine / name
    file.write_text(
        f"""#!/bin/sh
case "$2" in
    *print*) echo {version} ;;
    *exit*) [ {version.split(".")[1]} -ge 11 ] ;;
    *ensurepip*) {"true" if can_make_environments else "false"} ;;
esac
"""
    )
    file.chmod(stat.S_IRWXU)
    return str(file)


def ask(machine, **environ):
    answer = subprocess.run(
        [SCRIPT], env={"PATH": str(machine), **environ}, capture_output=True, text=True, check=False
    )
    return answer.returncode, answer.stdout + answer.stderr


def test_this_python_is_found():
    found = subprocess.run(
        [SCRIPT], env=os.environ | {"PYTHON": sys.executable}, capture_output=True, text=True, check=True
    )

    assert found.stdout == f"{sys.executable}\n"


def test_python3_comes_first(machine):
    python3 = put(machine, "python3", "3.12")
    put(machine, "python3.11", "3.11")

    assert ask(machine) == (0, f"{python3}\n")


def test_a_newer_python_is_found_beside_an_old_one(machine):
    put(machine, "python3", "3.9")
    newer = put(machine, "python3.13", "3.13")

    assert ask(machine) == (0, f"{newer}\n")


def test_no_python_is_one_line(machine):
    assert ask(machine) == (1, "seriate: Python 3.11 or newer is needed, and python3 is not on the PATH.\n")


def test_an_old_python_is_one_line(machine):
    put(machine, "python3", "3.9")

    assert ask(machine) == (
        1,
        "seriate: Python 3.11 or newer is needed, and python3 is 3.9: "
        "install it, or name one with PYTHON=/path/to/python3.\n",
    )


def test_a_python_without_venv_is_one_line(machine):
    put(machine, "python3", "3.11", can_make_environments=False)

    assert ask(machine) == (
        1,
        "seriate: python3 (3.11) cannot make a virtual environment: "
        "install it (Debian, Ubuntu: apt install python3.11-venv).\n",
    )


def test_the_named_python_is_the_only_one_asked(machine):
    put(machine, "python3", "3.12")

    assert ask(machine, PYTHON="python3.14") == (
        1,
        "seriate: Python 3.11 or newer is needed, and python3.14 is not on the PATH.\n",
    )
