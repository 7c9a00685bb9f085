"""A template stands in the folder of the module that renders it; what several modules use stands at the top."""

import re
from pathlib import Path, PurePath

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCHEDULER, TEMPLATES = ROOT / "scheduler", ROOT / "templates"
TOP = "."
MAIL, SECURITY = "mail", "security"  # notify renders the first, Flask-Security asks for the second by name
NAME = re.compile(r"""["']((?:\w+/)*\w+\.html)["']""")
MODULES = {path.relative_to(SCHEDULER): path.read_text() for path in sorted(SCHEDULER.rglob("*.py"))}
PAGES = {path.relative_to(TEMPLATES): path.read_text() for path in sorted(TEMPLATES.rglob("*.html"))}
LAYOUTS = {"base.html", "page.html", "plain.html", "print_page.html", "settings_page.html"}


def test_modules_render_templates_of_their_own_folder():
    assert [
        fault
        for path, source in MODULES.items()
        if path.parts[0] != "notify"
        for fault in faults(path, folder_of(path), source)
    ] == []


def test_templates_include_from_their_own_folder_and_the_top():
    assert [fault for path, source in PAGES.items() for fault in faults(path, str(path.parent), source)] == []


def test_every_folder_belongs_to_a_module():
    folders = {str(path.parent) for path in PAGES} - {TOP, MAIL, SECURITY}

    assert folders - {folder_of(path) for path in MODULES} == set()


def test_only_layouts_and_partials_stand_at_the_top():
    top = {path.name for path in PAGES if str(path.parent) == TOP}

    assert {name for name in top if not name.startswith("_")} == LAYOUTS


def test_every_template_is_used_and_every_used_one_exists():
    ours = {path: source for path, source in MODULES.items() if path.parts[0] != "notify"}
    pages = {path: source for path, source in PAGES.items() if path.parts[0] not in (MAIL, SECURITY)}
    used = {name for source in (*ours.values(), *pages.values()) for name in NAME.findall(source)}

    assert used == {str(path) for path in pages}


@pytest.mark.parametrize(
    ("module", "folder"),
    [
        ("web/shifts.py", "shifts"),
        ("web/settings/users.py", "settings"),
        ("patient_pages/visits.py", "patient_pages"),
        ("api/openapi.py", "api"),
    ],
)
def test_the_folder_of_a_module(module, folder):
    assert folder_of(PurePath(module)) == folder


@pytest.mark.parametrize(
    "source",
    [
        'render_template("moves/form.html")',
        '{% include "moves/_form.html" %}',
        "{% extends 'moves/form.html' %}",
    ],
)
def test_a_template_of_another_folder_is_a_fault(source):
    assert len(faults(PurePath("x"), "shifts", source)) == 1
    assert faults(PurePath("x"), "moves", source) == []


def folder_of(module: PurePath) -> str:
    """Return the folder of templates/ for a module: its name below web/, else the name of its package."""
    inner = module.parts[1:] if module.parts[0] == "web" else module.parts
    return inner[0].removesuffix(".py")


def faults(path: PurePath, folder: str, source: str) -> list[str]:
    """Return the templates that a file names and that stand neither in this folder nor at the top."""
    return [
        f"{path} uses {name}"
        for name in NAME.findall(source)
        if str(PurePath(name).parent) not in (folder, TOP)
    ]
