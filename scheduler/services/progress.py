"""How far long work is: who does it calls a function that the caller has given."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]  # what is done, how many are, of how many


def silent(what: str, done: int, total: int) -> None:
    """Tell no one how far it is."""
