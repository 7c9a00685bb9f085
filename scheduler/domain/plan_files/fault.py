"""Something wrong with a document, and the path to the place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """A reason in words, and the names and list indexes that lead to the place."""

    path: Path
    reason: str

    @property
    def where(self) -> str:
        return where(self.path)


def where(path: Iterable[str | int]) -> str:
    """Return a path as people write it, such as actions[3].after.days; the whole document is "(file)"."""
    words = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return words.lstrip(".") or "(file)"
