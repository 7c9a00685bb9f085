"""docs/security.md says what the code does."""

from itertools import takewhile
from pathlib import Path

import pytest

from scheduler.models.user import StaffRole
from scheduler.services.account.permissions import FIELD_WORDS, FIELDS, PERMISSIONS

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "security.md").read_text()


@pytest.mark.parametrize(("head", "table"), [("permission", PERMISSIONS), ("detail", FIELDS)])
def test_the_tables_of_roles_are_the_codes(head, table):
    lines = [
        [cell.strip() for cell in line.strip("|\n").split("|")] if line[:1] == "|" else []
        for line in PAGE.splitlines()
    ]
    start = next(place for place, cells in enumerate(lines) if cells[:1] == [head])
    roles = [StaffRole(name.replace("front desk", "front-desk")) for name in lines[start][1:]]
    said = {}
    for cells in takewhile(lambda cells: len(cells) == len(lines[start]), lines[start + 2 :]):
        have = frozenset(role for role, mark in zip(roles, cells[1:], strict=True) if mark == "x")
        said |= dict.fromkeys(list(cells[0].split("`")[1::2]), have)

    assert said == table


def test_every_file_that_the_page_names_is_there():
    named = {word for word in PAGE.split("`") if word.startswith(("tests/", "scheduler/"))}

    assert [word for word in sorted(named) if not (ROOT / word).exists()] == []


def test_every_detail_has_words_and_admins_see_all():
    assert FIELDS.keys() == FIELD_WORDS.keys()
    assert all(StaffRole.ADMIN in roles and StaffRole.READ_ONLY not in roles for roles in FIELDS.values())
