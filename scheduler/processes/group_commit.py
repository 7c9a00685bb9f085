"""One writer for many senders: what they want to write is committed in groups.

A commit costs a disk flush, and SQLite has one writer at a time. So the connections hand their writes to one thread,
which runs all that have come meanwhile in one transaction. No caller gets an answer before the commit: a sending check
is passed only when it is on the disk. When one of a group fails, each is run again alone, so that one bad row harms no
other.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Concatenate, ParamSpec, TypeVar

from flask import Flask
from sqlalchemy.orm import Session

from scheduler.database import writing

Result = TypeVar("Result")
Params = ParamSpec("Params")
LARGEST_GROUP = 64


@dataclass(frozen=True, slots=True)
class PendingWrite:
    """A function that writes, its arguments after the session, and its result to come."""

    write: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    future: Future[Any] = field(default_factory=Future)


class GroupCommit:
    """A thread that writes. Use it as a context manager."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._waiting: SimpleQueue[PendingWrite | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name="group-commit", daemon=True)

    def __enter__(self) -> GroupCommit:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._waiting.put(None)
        self._thread.join()

    def submit(
        self,
        write: Callable[Concatenate[Session, Params], Result],
        *args: Params.args,
        **kwargs: Params.kwargs,
    ) -> PendingWrite:
        """Run `write` with a session and these arguments; `future` has the result after the commit."""
        pending = PendingWrite(write, args, kwargs)
        self._waiting.put(pending)
        return pending

    def write(
        self,
        write: Callable[Concatenate[Session, Params], Result],
        *args: Params.args,
        **kwargs: Params.kwargs,
    ) -> Result:
        """Do the same, wait for the commit, and return the result or raise the error."""
        result: Result = self.submit(write, *args, **kwargs).future.result()
        return result

    def _run(self) -> None:
        while (first := self._waiting.get()) is not None:
            group = [first]
            last = False
            while len(group) < LARGEST_GROUP:
                try:
                    following = self._waiting.get_nowait()
                except Empty:
                    break
                if following is None:
                    last = True
                    break
                group.append(following)
            self._commit(group)
            if last:
                return

    def _commit(self, group: list[PendingWrite]) -> None:
        try:
            results = self._in_one_transaction(group)
        except Exception as trouble:
            if len(group) == 1:
                group[0].future.set_exception(trouble)
                return
            for one in group:
                self._commit([one])
            return
        for one, result in zip(group, results, strict=True):
            one.future.set_result(result)

    def _in_one_transaction(self, group: list[PendingWrite]) -> list[Any]:
        with writing(self._app) as session:
            return [one.write(session, *one.args, **one.kwargs) for one in group]
