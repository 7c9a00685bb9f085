"""Cells of CSV files that people open in a spreadsheet program."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from datetime import date, datetime
from enum import Enum
from zoneinfo import ZoneInfo

MARK = "\ufeff"
RISKY = tuple("=+-@\t\r\n＝＋－＠")
INNER = re.compile(r"([;\t|] *)(?=[=+\-@＝＋－＠])")  # where a program with another separator begins a cell


def cell(value: object, zone: ZoneInfo) -> str:
    """Return a value as a cell: instants in the zone, and no text that a spreadsheet takes for a formula."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(zone).isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    text = str(value.value if isinstance(value, Enum) else value)
    text = INNER.sub(r"\1'", text)
    return f"'{text}" if text.lstrip(" ").startswith(RISKY) else text


def csv_header(columns: Sequence[str], zone: ZoneInfo) -> str:
    """Return the first line of a file: it begins with the mark by which Excel knows that it is UTF-8."""
    return MARK + csv_line(columns, zone)


def csv_line(values: Sequence[object], zone: ZoneInfo) -> str:
    """Return values as one line of CSV, each value a cell."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerow([cell(value, zone) for value in values])
    return buffer.getvalue()
