"""The locks hold exact versions with hashes, agree with each other, and hold all that is asked for."""

import re
from pathlib import Path

import pytest

from tools.environment import INPUTS

ROOT = Path(__file__).resolve().parent.parent
LOCKS = {str(lock.relative_to(ROOT)): made_from for lock, made_from in INPUTS.items()}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_has_a_version_and_a_hash(lock):
    entries = re.split(r"\n(?=\S)", (ROOT / lock).read_text())

    assert [
        entry for entry in entries if not re.match(r"[\w.\[\],-]+==\S+ .*--hash=sha256:", entry, re.DOTALL)
    ] == []


def test_the_development_lock_holds_the_runtime_lock():
    assert pins("requirements.txt").items() <= pins("requirements/dev.txt").items()


def test_the_solver_that_is_tested_is_the_one_that_is_offered():
    assert pins("requirements/solver.txt")["ortools"] == pins("requirements/dev.txt")["ortools"]


@pytest.mark.parametrize("lock", LOCKS)
def test_all_that_is_asked_for_is_locked(lock):
    asked = re.findall(r"^[A-Za-z][\w.-]*", LOCKS[lock].read_text(), re.MULTILINE)

    assert {plain(name) for name in asked} - pins(lock).keys() == set()


def test_no_lock_names_a_place_to_fetch_from():
    texts = [
        (ROOT / name).read_text() for name in (*LOCKS, "package-lock.json", "tools/browser/package-lock.json")
    ]

    assert [
        line for text in texts for line in text.splitlines() if "--index-url" in line or '"resolved"' in line
    ] == []


def pins(lock):
    found = re.findall(r"^([\w.-]+)(?:\[[^\]]*\])?==(\S+)", (ROOT / lock).read_text(), re.MULTILINE)
    return {plain(name): version for name, version in found}


def plain(name):
    return re.sub(r"[-_.]+", "-", name).lower()
