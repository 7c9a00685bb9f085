"""What an object works out once and keeps."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

Owner = TypeVar("Owner")
Asked = ParamSpec("Asked")
Answer = TypeVar("Answer")


def remembered(
    method: Callable[Concatenate[Owner, Asked], Answer],
) -> Callable[Concatenate[Owner, Asked], Answer]:
    """Make a method work out each answer once for an object. The arguments must be hashable."""
    name = f"_{method.__name__}_answers"

    @wraps(method)
    def known(self: Owner, /, *asked: Asked.args, **named: Asked.kwargs) -> Answer:
        answers: dict[Any, Answer] = self.__dict__.setdefault(name, {})
        key = (asked, *named.items())
        if key not in answers:
            # Threads that share an object need no lock: a second one stores an equal answer.
            answers[key] = method(self, *asked, **named)
        return answers[key]

    return known
