"""The part of Bootstrap that the pages load."""

import re

import pytest

from tools import styles
from tools.places import ROOT

SHEET = (
    ":root{--a:1}.btn{color:red}.btn-check:checked+.btn,.used:hover,.unused{top:0}.unused:not(.btn){left:0}"
    "@media (min-width:576px){.unused{top:1px}.used{top:2px}}@media print{.unused{top:0}}"
    "@keyframes spin{to{top:0}}@keyframes turn{to{top:0}}.btn:not(.unused):is(.used,a){top:3px}"
)


def test_rules_for_unused_classes_are_left_out():
    assert styles.purged(SHEET, {"btn", "used", "turn"}) == (
        ":root{--a:1}.btn{color:red}.used:hover{top:0}@media (min-width:576px){.used{top:2px}}"
        "@keyframes turn{to{top:0}}.btn:not(.unused):is(.used,a){top:3px}"
    )


@pytest.fixture
def built(tmp_path):
    for folder in ("bootstrap", "bootstrap-icons"):
        (tmp_path / folder).mkdir()
    styles.build(ROOT / "node_modules", tmp_path)
    return tmp_path


def test_every_icon_of_the_pages_is_drawn(built):
    drawn = (built / "bootstrap-icons/bootstrap-icons.min.css").read_text()
    pages = "".join(file.read_text() for file in (ROOT / "templates").rglob("*.html"))
    named = set(re.findall(r"\bbi bi-([a-z0-9-]+)(?![a-z0-9-]|\{)", pages))

    assert len(named) > 50
    assert [name for name in sorted(named) if f".bi-{name}{{" not in drawn] == []
    assert ".bi-hourglass{" in drawn  # an argument of a macro


def test_the_shipped_sheets_are_built_from_these_pages(built):
    """Where this fails a class was added or removed: `make setup`."""
    for name in ("bootstrap/bootstrap.min.css", "bootstrap-icons/bootstrap-icons.min.css"):
        assert (ROOT / "scheduler/static/vendor" / name).read_text() == (built / name).read_text()


def test_the_sheets_are_written_only_when_something_changed(built):
    sheet = built / "bootstrap/bootstrap.min.css"
    sheet.write_text("kept")
    styles.build(ROOT / "node_modules", built)

    assert sheet.read_text() == "kept"
