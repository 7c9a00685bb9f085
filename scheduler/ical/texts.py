"""Text that may stand in a calendar.

A line that a name could break would be a property of the name's own making, and some readers break lines at more than
CR LF. So control characters, the Unicode line and paragraph separators, bidi controls and lone surrogates go out before
the library escapes and folds what is left.
"""

from __future__ import annotations

import re

_LINE_ENDS = re.compile(r"\r\n|[\r\n\v\f\x85\u2028\u2029]")
_UNWANTED = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]")

CANCELLED = {"en": "Canceled: {title}", "es": "Cancelada: {title}"}
CALL = {"en": "Questions or changes: {phone}", "es": "Preguntas o cambios: {phone}"}
BUSY = {"en": "Busy", "es": "Ocupado"}


def line(text: str) -> str:
    """Return the text on one line, without what a calendar cannot hold."""
    return _UNWANTED.sub("", _LINE_ENDS.sub(" ", text)).strip()


def initials(given_name: str, family_name: str, public_id: str) -> str:
    """Return "A. B. 7f3k": enough to find the person in the clinic, and nothing outside it."""
    letters = [f"{name[0].upper()}." for name in (line(given_name), line(family_name)) if name]
    return " ".join([*letters, public_id[:4]])


def kind(title: str, position: int | None, series_length: int | None) -> str:
    """Return what the visit is, such as "Infusion 3 of 6" or "3/6" where words would need a language."""
    return f"{title} {position}/{series_length}" if position and series_length else title
