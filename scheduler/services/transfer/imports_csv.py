"""Reading CSV files as spreadsheets write them: UTF-8 (with or without a mark), commas, semicolons or tabs.

The first line names the columns. Empty cells say nothing; a row without any cell is skipped. A cell that begins with a
quote before =, +, - or @ loses it: that is how our own exports make such cells safe.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection

from scheduler.services.transfer.imports import ImportFault, ImportRefused, Row

UNIT = "line"
MOST_BYTES = 50_000_000
LONGEST_CELL = 10_000
DELIMITERS = ",;\t"
FORMULA = tuple("=+-@")


def read(content: bytes, columns: Collection[str], required: Collection[str]) -> list[Row]:
    """Return the rows with their first line. Raises ImportRefused for a file that is not such a table."""
    text = _text(content)
    header, _, _ = text.partition("\n")
    delimiter = max(DELIMITERS, key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[Row] = []
    faults: list[ImportFault] = []
    names: list[str] = []
    line = 1
    try:
        for cells in reader:
            if line == 1:
                names = _names(cells, columns, required)
            elif any(cell.strip() for cell in cells):
                faults += _cell_faults(line, cells, names)
                values = zip(names, cells, strict=False)
                rows.append(Row(line, {name: _plain(cell) for name, cell in values if cell.strip()}))
            line = reader.line_num + 1
    except csv.Error as error:
        faults.append(ImportFault(line, "file", f"is not CSV: {error}"))
    if not names:
        raise ImportRefused(UNIT, [ImportFault(1, "file", "is empty")])
    if faults:
        raise ImportRefused(UNIT, faults)
    return rows


def _text(content: bytes) -> str:
    if len(content) > MOST_BYTES:
        raise ImportRefused(UNIT, [ImportFault(1, "file", f"is larger than {MOST_BYTES // 1_000_000} MB")])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ImportRefused(UNIT, [ImportFault(line, "file", "is not UTF-8; save it as CSV UTF-8")]) from None


def _names(cells: list[str], columns: Collection[str], required: Collection[str]) -> list[str]:
    names = [cell.strip().lower().replace(" ", "_") for cell in cells]
    faults = [ImportFault(1, name or "file", "is not a column here") for name in names if name not in columns]
    faults += [
        ImportFault(1, name, "is listed twice") for name in {one for one in names if names.count(one) > 1}
    ]
    faults += [ImportFault(1, name, "is missing") for name in required if name not in names]
    if faults:
        raise ImportRefused(UNIT, faults)
    return names


def _cell_faults(line: int, cells: list[str], names: list[str]) -> list[ImportFault]:
    if len(cells) != len(names):
        return [ImportFault(line, "file", f"has {len(cells)} cells, the first line has {len(names)}")]
    return [
        ImportFault(line, name, f"is too long: {len(cell)} characters")
        for name, cell in zip(names, cells, strict=True)
        if len(cell) > LONGEST_CELL
    ]


def _plain(cell: str) -> str:
    cell = cell.strip()
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA) else cell
