"""One writer for many senders: what they want to write is committed in groups.

A commit costs a disk flush, and SQLite has one writer at a time. So the connections hand their writes to one thread,
which runs all that have come meanwhile in one transaction. Nobody gets an answer before the commit: a sending check is
passed only when it is on the disk. When one of a group fails, each is run again alone, so that one bad row harms no
other.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from flask import Flask
from sqlalchemy.orm import Session

from scheduler.database import writing

Result = TypeVar("Result")
Write = Callable[[Session], Any]
LARGEST_GROUP = 64


class GroupCommit:
    """A thread that writes. Use it as a context manager."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._waiting: SimpleQueue[tuple[Write, Future[Any]] | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name="group-commit", daemon=True)

    def __enter__(self) -> GroupCommit:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._waiting.put(None)
        self._thread.join()

    def submit(self, what: Callable[[Session], Result]) -> Future[Result]:
        """Run `what` in a writing transaction; its result is there after the commit."""
        future: Future[Result] = Future()
        self._waiting.put((what, future))
        return future

    def write(self, what: Callable[[Session], Result]) -> Result:
        """Run `what` in a writing transaction; return its result after the commit, or raise what went wrong."""
        return self.submit(what).result()

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

    def _commit(self, group: list[tuple[Write, Future[Any]]]) -> None:
        try:
            results = self._in_one_transaction([what for what, _ in group])
        except Exception as trouble:
            if len(group) == 1:
                group[0][1].set_exception(trouble)
                return
            for one in group:
                self._commit([one])
            return
        for (_, future), result in zip(group, results, strict=True):
            future.set_result(result)

    def _in_one_transaction(self, writes: list[Write]) -> list[Any]:
        with writing(self._app) as session:
            return [what(session) for what in writes]
