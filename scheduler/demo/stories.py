"""What becomes of each patient's course, as a table that a person can read.

Days are counted from the day that must be lively. A share's courses begin evenly between its two days, so that at any
time some are at their start, some in the middle and some at their end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import time
from enum import StrEnum
from random import Random


class Turn(StrEnum):
    """What happens besides the plain course of things."""

    NOTHING = "nothing"
    MISSES_ONE = "misses one"
    CANCELS_ONE = "cancels one"
    MOVES_ONE = "moves one"
    QUITS = "quits"
    PAUSES = "pauses"
    COMPLETES = "completes"
    REQUIREMENTS_OPEN = "requirements open"
    RESERVES = "reserves"
    BOOKS_NOW = "books now"
    ONLY_ASKED = "only asked"


@dataclass(frozen=True)
class Share:
    """So many courses of one plan, beginning between two days, with one turn."""

    count: int
    plan: str
    first: int
    last: int
    turn: Turn = Turn.NOTHING


SHARES = (
    Share(17, "iv-depression-6", -24, 2),
    Share(3, "iv-depression-6", -22, -14, Turn.MISSES_ONE),
    Share(3, "iv-depression-6", -20, -12, Turn.CANCELS_ONE),
    Share(3, "iv-depression-6", -10, 0, Turn.MOVES_ONE),
    Share(2, "iv-depression-6", -30, -20, Turn.QUITS),
    Share(1, "iv-depression-6", -18, -18, Turn.PAUSES),
    Share(7, "iv-depression-6", -58, -30),
    Share(2, "iv-depression-6", -55, -45, Turn.COMPLETES),
    Share(3, "iv-depression-6", -6, -3, Turn.REQUIREMENTS_OPEN),
    Share(2, "iv-depression-6", 2, 5, Turn.RESERVES),
    Share(1, "iv-depression-6", 2, 2, Turn.BOOKS_NOW),
    Share(6, "iv-depression-6-fast", -18, 2),
    Share(1, "iv-depression-6-fast", -40, -40, Turn.COMPLETES),
    Share(6, "esketamine-nasal", -60, -12),
    Share(1, "esketamine-nasal", -25, -25, Turn.MISSES_ONE),
    Share(1, "crps-10-day", -9, -9),
    Share(3, "kap-im-6", -30, 0),
    Share(7, "therapy-6", -35, 2),
    Share(1, "therapy-6", -60, -60, Turn.COMPLETES),
    Share(2, "iv-depression-6", 0, 0, Turn.ONLY_ASKED),
)
PREFERRED = (time(8), time(9, 30), time(11), time(13), time(14, 30), None)


@dataclass(frozen=True)
class Story:
    """One patient's course: it may begin `begins` days from the lively day and is booked `lead` days before that."""

    index: int
    plan: str
    begins: int
    lead: int
    turn: Turn
    preferred: time | None
    mornings: bool
    seed: str

    def random(self, about: str) -> Random:
        """Return the same dice for the same story and subject, independent of what happened before."""
        return Random(f"{self.seed} {about}")  # noqa: S311  (a demo's dice, nothing secret)


def stories(count: int, seed: int) -> list[Story]:
    """Return so many stories; the whole table comes once in every sum of its counts."""
    drawn: list[Story] = []
    while len(drawn) < count:
        drawn.extend(_round(len(drawn), seed))
    return drawn[:count]


def _round(offset: int, seed: int) -> list[Story]:
    begins = [(share, day) for share in SHARES for day in _days(share)]
    Random(f"order {seed} {offset}").shuffle(begins)  # noqa: S311  (a demo's dice, nothing secret)
    return [_story(offset + number, share, day, seed) for number, (share, day) in enumerate(begins)]


def _days(share: Share) -> Iterator[int]:
    span = share.last - share.first
    return (share.first + round(span * number / max(1, share.count - 1)) for number in range(share.count))


def _story(index: int, share: Share, begins: int, seed: int) -> Story:
    dice = Random(f"story {seed} {index}")  # noqa: S311  (a demo's dice, nothing secret)
    return Story(
        index=index,
        plan=share.plan,
        begins=begins,
        lead=dice.randint(2, 9),
        turn=share.turn,
        preferred=dice.choice(PREFERRED),
        mornings=dice.random() < 0.1 and share.plan != "crps-10-day",
        seed=f"{seed} {index}",
    )
