"""What the README says is there."""

import re
from pathlib import Path

import config

ROOT = Path(__file__).resolve().parent.parent
PAGES = (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")))


def test_every_setting_is_in_the_table():
    table = re.findall(r"^\| `([A-Z_]+)` \|", PAGES[0].read_text(), re.MULTILINE)

    assert sorted(table) == sorted(config.NAMES)


def test_every_target_that_is_named_exists():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        target
        for page in PAGES
        for target in re.findall(r"`(?:[A-Z_]+=\S+ )*make ([a-z]+)", page.read_text())
    }

    assert named - targets == set()


def test_every_link_leads_to_a_file():
    links = {
        (page.name, link)
        for page in PAGES
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
        if not (page.parent / link).exists()
    }

    assert links == set()
