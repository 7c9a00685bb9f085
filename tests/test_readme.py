"""What the README and the docs say is there."""

import re
from pathlib import Path

import click

import config

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = (*sorted(ROOT.glob("*.md")), *sorted(DOCS.glob("**/*.md")))


def test_every_setting_is_in_the_table():
    table = re.findall(r"^\| `([A-Z_]+)` \|", (DOCS / "settings.md").read_text(), re.MULTILINE)

    assert sorted(table) == sorted(config.NAMES)


def test_every_command_is_in_the_table(app):
    table = (DOCS / "commands.md").read_text()

    assert [command for command in commands(app.cli) if not re.search(command, table)] == []


def commands(group, before="flask"):
    """Yield a pattern for each command of ours: its line has the group's words, then its own name."""
    for name, command in group.commands.items():
        if before == "flask" and name in ("routes", "run", "shell", "web", "db"):
            continue  # those of Flask itself, and the server that `make run` starts
        if isinstance(command, click.Group):
            yield from commands(command, f"{before} {name}")
        else:
            yield (
                rf"`{before} {name}\b"
                if before == "flask"
                else rf"\| `{before} .*`{name}\b|`{before} {name}\b"
            )


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
