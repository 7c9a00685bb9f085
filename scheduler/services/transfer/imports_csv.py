"""Reading CSV files as spreadsheets write them: UTF-8 (with or without a mark) or UTF-16, commas, semicolons or tabs.

The first line names the columns; Excel's line `sep=;` may come before it. Empty cells say nothing. A row without any
cell is skipped, and so are a column without a name or any cell and empty cells that a row lacks at its end. A cell that
begins with a quote before =, +, - or @ loses it: that is how our own exports make such cells safe. Letters that were
broken by a wrong encoding ("JosÃ©") are faults.
"""

from __future__ import annotations

import csv
import io
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Collection, Iterator

from scheduler.services.transfer.imports import ImportFault, ImportRefused, Row

UNIT = "line"
MOST_BYTES = 50_000_000
LONGEST_CELL = 10_000
LONGEST_SHOWN = 40
DELIMITERS = ",;\t"
FORMULA = tuple("=+-@")
SEPARATOR_LINE = re.compile(r'"?sep=(.)"?[,;\t]*\r?\n', re.IGNORECASE)
LOST = "\ufffd"  # what a program writes for bytes that it cannot read
NOT_UTF8 = "is not UTF-8; save it as CSV UTF-8"
OTHER_NAMES = {
    "first_name": "given_name",
    "last_name": "family_name",
    "date_of_birth": "birth_date",
    "dob": "birth_date",
    "email_address": "email",
    "phone_number": "phone",
    "gender": "sex",
    "street": "address_line",
    "address": "address_line",
    "zip": "postal_code",
    "zip_code": "postal_code",
    "medical_record_number": "mrn",
    "member_id": "insurance_member_id",
    "insurance": "insurance_payer",
}


def decoded(content: bytes) -> str:
    """Return the text of a file. Raises ImportRefused with the first line that cannot be read."""
    if len(content) > MOST_BYTES:
        raise ImportRefused(UNIT, [ImportFault(1, "file", f"is larger than {MOST_BYTES // 1_000_000} MB")])
    wide = content.startswith((BOM_UTF16_LE, BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ImportRefused(UNIT, [ImportFault(line, "file", NOT_UTF8)]) from None


def read(text: str, columns: Collection[str], required: Collection[str]) -> list[Row]:
    """Return the rows with their first line. Raises ImportRefused for a file that is not such a table."""
    text = text.removeprefix("\ufeff")
    told = SEPARATOR_LINE.match(text)
    skipped = 1 if told else 0
    text = text[told.end() :] if told else text
    header, _, _ = text.partition("\n")
    delimiter = told[1] if told else max(DELIMITERS, key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[Row] = []
    faults: list[ImportFault] = []
    names: list[str] = []
    line = 1 + skipped
    try:
        for cells in reader:
            if not names:
                names = _names(line, cells, columns, required)
            elif any(cell.strip() for cell in cells):
                faults += _cell_faults(line, cells, names, required)
                values = zip(names, cells, strict=False)
                rows.append(Row(line, {name: _plain(cell) for name, cell in values if cell.strip()}))
            line = reader.line_num + 1 + skipped
    except csv.Error as error:
        faults.append(ImportFault(line, "file", f"is not CSV: {error}"))
    if not names and not faults:
        raise ImportRefused(UNIT, [ImportFault(1, "file", "is empty")])
    if faults:
        raise ImportRefused(UNIT, faults)
    return rows


def _names(line: int, cells: list[str], columns: Collection[str], required: Collection[str]) -> list[str]:
    """Return the columns' names, "" for one without a name."""
    written = ["_".join(cell.strip().lower().replace("-", "_").split()) for cell in cells]
    names = [OTHER_NAMES.get(name, name) if name not in columns else name for name in written]
    named = [name for name in names if name]
    faults = [ImportFault(line, name, "is not a column here") for name in named if name not in columns]
    faults += [ImportFault(line, name, "is listed twice") for name in set(named) if named.count(name) > 1]
    faults += [ImportFault(line, name, "is missing") for name in required if name not in named]
    if faults:
        raise ImportRefused(UNIT, faults)
    return names


def _cell_faults(
    line: int, cells: list[str], names: list[str], required: Collection[str]
) -> Iterator[ImportFault]:
    extra = [cell for cell in cells[len(names) :] if cell.strip()]
    lacking = [name for name in names[len(cells) :] if name in required]
    if extra or lacking:
        yield ImportFault(line, "file", f"has {len(cells)} cells, the first line has {len(names)}")
        return
    for number, (name, cell) in enumerate(zip(names, cells, strict=False), 1):
        if len(cell) > LONGEST_CELL:
            yield ImportFault(line, name or "file", f"is too long: {len(cell)} characters")
        elif not name and cell.strip():
            yield ImportFault(line, "file", f"has a cell in column {number}, which has no name")
        elif LOST in cell:
            yield ImportFault(
                line, name, "contains a character that was lost; save the original as CSV UTF-8"
            )
        elif (meant := _repaired(cell)) != cell:
            shown = f"{cell.strip()[:LONGEST_SHOWN]} looks like {meant.strip()[:LONGEST_SHOWN]}"
            yield ImportFault(line, name, f"has broken letters ({shown}); save the original as CSV UTF-8")


def _repaired(cell: str) -> str:
    """Return what a cell meant whose UTF-8 was read as Windows-1252 or Latin-1, any other cell as it is."""
    if cell.isascii():
        return cell
    try:
        return b"".join(_byte(character) for character in cell).decode("utf-8")
    except UnicodeError:
        return cell


def _byte(character: str) -> bytes:
    try:
        return character.encode("cp1252")
    except UnicodeEncodeError:
        return character.encode("latin-1")


def _plain(cell: str) -> str:
    cell = cell.strip()
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA) else cell
