"""The pages have five sizes of text and three weights, all from one place, and nothing smaller than 12 px."""

import re
from pathlib import Path

import pytest

import scheduler

SHEETS = sorted((Path(scheduler.__file__).parent / "static" / "css").glob("*.css"))
SIZES = re.compile(r"font-size:\s*([^;}]+)")
WEIGHTS = re.compile(r"font-weight:\s*([^;}]+)")
PAPER = {"9pt", "9.75pt", "11pt"}  # of sheets that are printed


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.stem)
def test_a_size_is_one_of_the_scale_and_a_weight_one_of_three(sheet):
    text = re.sub(r"@font-face \{.*?\}", "", sheet.read_text(), flags=re.DOTALL)
    sizes = {found.strip() for found in SIZES.findall(text)}

    assert sizes <= {f"var(--text-{n})" for n in range(1, 6)} | {"inherit"} | PAPER
    assert {found.strip() for found in WEIGHTS.findall(text)} <= {"400", "500", "600", "inherit"}


def test_the_scale_has_five_sizes_from_12_px():
    text = next(sheet for sheet in SHEETS if sheet.stem == "fonts").read_text()
    sizes = [16 * float(size) for size in re.findall(r"--text-\d: ([\d.]+)rem", text)]

    assert sizes == [12, 13, 15, 20, 28]
