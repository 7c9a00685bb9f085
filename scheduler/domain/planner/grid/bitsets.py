"""Sets of grid cells as Python integers: bit i is cell i.

A day's cells end with one that is never free, so shifting by less than a day's width cannot carry a stretch of free
time into the next day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]


def span(start: int, end: int) -> int:
    """Return the set of the cells from `start` up to, not including, `end`."""
    # 2 ** n - 1 is n ones
    return ((1 << (end - start)) - 1) << start if end > start else 0


def spans(ranges: Iterable[tuple[int, int]]) -> int:
    result = 0
    for start, end in ranges:
        result |= span(start, end)
    return result


def eroded(free: int, length: int) -> int:
    """Return the cells at which a stretch of `length` free cells starts."""
    done = 1
    while done < length and free:
        step = min(done, length - done)
        # bit i stays if bit i + step is set too, so `done` free cells become `done` + `step`
        free &= free >> step
        done += step
    return free


def earlier(cells: int, by: int) -> int:
    """Return the cells `by` places before these (after them, if negative)."""
    return cells >> by if by >= 0 else cells << -by


def indexes(cells: int) -> Iterator[int]:
    """Yield the members, in order."""
    while cells:
        low = cells & -cells
        yield low.bit_length() - 1
        cells ^= low


def to_bools(cells: int, size: int) -> Bools:
    """Return a vector with one truth value for each of `size` cells."""
    raw = np.frombuffer(cells.to_bytes((size + 7) // 8, "little"), np.uint8)
    return np.unpackbits(raw, count=size, bitorder="little").view(np.bool_)


def from_bools(cells: Bools) -> int:
    return int.from_bytes(np.packbits(cells.ravel(), bitorder="little").tobytes(), "little")
