"""How far long work is: who does it calls a function that the caller has given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.orm import Session

# what is done, how many are, of how many; False asks to end soon, with the best there is by then
Progress = Callable[[str, int, int], object]


def silent(what: str, done: int, total: int) -> None:
    """Tell no one how far it is."""


@dataclass(frozen=True)
class Part:
    """What stores a part of something large, and how much of it is stored then."""

    done: int
    total: int
    store: Callable[[Session], None]
