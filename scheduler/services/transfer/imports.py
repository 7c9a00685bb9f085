"""Imports: all or nothing, with every fault named by its line or entry.

`place` is a line of a file (the first is 1, a table's header) or an entry of a bundle (the first is 0, as in
Bundle.entry[0]).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scheduler.errors import Refusal
from scheduler.services.progress import Progress

STEP = 500  # rows between two words of progress


@dataclass(frozen=True)
class Row:
    """What one line or entry says, field by field."""

    place: int
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class ImportFault:
    """What is wrong at a place; 0 with unit "file" is the file itself."""

    place: int
    field: str
    reason: str


class ImportRefused(Refusal):
    """The file is not imported, and nothing of it is written: `faults` lists {unit, place, field, reason}."""

    code, status, title = "import-refused", 422, "The file cannot be imported"

    def __init__(self, unit: str, faults: Iterable[ImportFault]) -> None:
        self.unit = unit
        self.faults = sorted(faults, key=lambda fault: (fault.place, fault.field))
        listed = [
            {"unit": unit, "place": one.place, "field": one.field, "reason": one.reason}
            for one in self.faults
        ]
        places = len({one.place for one in self.faults})
        words = f"{len(self.faults)} faults ({places} by {unit}); nothing is imported"
        super().__init__(words, faults=listed)

    def lines(self) -> list[str]:
        """Return each fault in words, such as "line 12: email: is not an email address"."""
        return [f"{self.unit} {one.place}: {one.field}: {one.reason}" for one in self.faults]


def stepping(what: str, rows: Sequence[Row], progress: Progress) -> Iterable[Row]:
    """Yield the rows, telling now and then how far it is."""
    for number, row in enumerate(rows, 1):
        yield row
        if number % STEP == 0 or number == len(rows):
            progress(what, number, len(rows))
