"""The best of many answers, where each answer takes long to work out and a limit of it is known before."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import TypeVar

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")
Rank = tuple[float, ...]


def best_first(
    asked: Iterable[Asked],
    least: Callable[[Asked], Rank],
    answer: Callable[[Asked], Answer | None],
    rank: Callable[[Answer], Rank],
) -> Iterator[Answer]:
    """Yield the answers by rank, the lowest first; those of equal rank in the order in which they were asked.

    `least` is a rank that an answer does not fall below. Only what could be the next is worked out; None is no answer.
    """
    order = count()
    waiting: list[tuple[Rank, int, Asked | None, Answer | None]] = [
        (least(one), next(order), one, None) for one in asked
    ]
    heapq.heapify(waiting)
    while waiting:
        _, number, one, known = heapq.heappop(waiting)
        if known is not None:
            yield known
        elif one is not None and (found := answer(one)) is not None:
            heapq.heappush(waiting, (rank(found), number, None, found))
