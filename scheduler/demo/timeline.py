"""Simulated time: what happens when, played in order up to now."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count

Happening = Callable[[datetime], None]


class EventQueue:
    """A queue of happenings. One that is played may add others; time never goes back."""

    def __init__(self) -> None:
        self._reached = datetime.min.replace(tzinfo=UTC)
        self._queue: list[tuple[datetime, int, Happening]] = []
        self._numbers = count()

    def add(self, at: datetime, happening: Happening) -> None:
        """Let something happen at an instant, or at once if that is over.

        What is due at the same instant happens in the order in which it was added.
        """
        heapq.heappush(self._queue, (max(at, self._reached), next(self._numbers), happening))

    def play(self, until: datetime) -> Iterator[datetime]:
        """Play what is due up to and including an instant; yield the time after each. The rest never happens."""
        while self._queue and self._queue[0][0] <= until:
            self._reached, _, happening = heapq.heappop(self._queue)
            happening(self._reached)
            yield self._reached
