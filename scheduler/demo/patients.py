"""The demo's patients: made-up people with the many ways in which patients differ."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from random import Random
from typing import Any

Fields = dict[str, Any]


def fields_of(names: Sequence[Fields], index: int, seed: int, today: date) -> Fields:
    """Return the fields of the patient with this number, the same for the same seed.

    Every ninth has no mail address and every eleventh has not agreed to unencrypted mail, so that the call list and the
    short mails have someone.
    """
    choose = Random(f"patient {seed} {index}")  # noqa: S311  (made-up people, nothing secret)
    entry = names[index % len(names)]
    fields: Fields = {
        "given_name": entry["given"],
        "family_name": _family(names, entry, index),
        "language": entry["language"],
        "birth_date": today - timedelta(days=choose.randint(19 * 365, 78 * 365)),
        "phone": f"+1 212 555 {100 + index % 100:04}",
        "email_ok": index % 11 != 7,
    }
    if index % 9 != 8:
        fields["email"] = f"patient{index + 1:03}@patients.seriate.example"
    if index % 23 == 11:
        fields |= {
            "proxy_name": "Taylor Morgan",
            "proxy_email": f"family{index + 1:03}@patients.seriate.example",
        }
    named = (
        ("preferred", "preferred_name"),
        ("pronunciation", "pronunciation"),
        ("interpreter", "interpreter"),
        ("wheelchair", "wheelchair"),
        ("alert", "alert_note"),
    )
    return fields | {field: entry[name] for name, field in named if name in entry}


def _family(names: Sequence[Fields], entry: Fields, index: int) -> str:
    """Return the entry's own family name; from the second round on, another one of the same language."""
    alike = [one["family"] for one in names if one["language"] == entry["language"]]
    own = alike.index(entry["family"])
    return str(alike[(own + index // len(names)) % len(alike)])
