"""How to find a patient in stored text, such as an answer of the API or a file that waits to be imported."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

PUBLIC_ID = re.compile(r"\b[0-9a-z]{16}\b")


@dataclass(frozen=True, slots=True)
class Person:
    """The public ids of a patient's rows, and what was entered about the patient.

    An address or a phone number alone names a person; a given or a family name only together with the other.
    """

    ids: frozenset[str]
    contacts: tuple[str, ...] = ()
    names: tuple[tuple[str, str], ...] = ()

    def is_named_in(self, text: str) -> bool:
        """Tell whether a text, such as JSON, names the person. A namesake is found too."""
        if not self.ids.isdisjoint(PUBLIC_ID.findall(text)):
            return True
        folded = text.casefold()
        if any(_is_in(value, folded) for value in self.contacts):
            return True
        return any(all(_is_in(name, folded) for name in pair) for pair in self.names)


def _is_in(value: str, folded: str) -> bool:
    """Look for a value as it is, and as JSON writes it in ASCII."""
    return bool(value) and (value.casefold() in folded or json.dumps(value)[1:-1].casefold() in folded)
