"""Requests that may come twice: the second gets the first's answer, byte for byte.

The answer is written in the request's own transaction, so it exists exactly when its effect does; a refused request
leaves no answer, and repeating it asks again. A key belongs to one caller and one route for 24 hours. Erasing a patient
empties the answers about the patient; repeating such a request is refused, so it does not create the record again.

SQLite has one writer at a time, so a repeat waits for the first to end. PostgreSQL has many: an advisory lock tells
that the first is still running (a row of it could not be seen yet).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from scheduler.domain.person import Person
from scheduler.domain.text import BadText, clean_line
from scheduler.errors import Invalid, KeyInFlight, KeyReused, RecordErased
from scheduler.models.idempotency_key import IdempotencyKey

KEPT_FOR = timedelta(hours=24)
PAGE = 200


@dataclass(frozen=True, slots=True)
class IdempotentRequest:
    """A request with an Idempotency-Key: who asks (`caller`), what (`route`, `body`), under which key."""

    clinic_id: int
    caller: str
    route: str
    key: str
    body: bytes

    @property
    def body_digest(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """What was answered: the status, the body's exact text, and the headers that count.

    `shown` is what the access audit needs to note the answer when it is given again.
    """

    status: int
    body: str
    headers: dict[str, str]
    shown: list[Any] = field(default_factory=list)


def recall(session: Session, question: IdempotentRequest, now: datetime) -> StoredResponse | None:
    """Return the first answer to this question, or None when this is the first.

    Raises Invalid for a key that cannot be kept, KeyReused when the key came with another body, KeyInFlight when the
    first request has not ended, RecordErased when the answer was about a patient whose record was erased since.
    """
    _check_key(question.key)
    _refuse_in_flight(session, question)
    row = session.scalar(select(IdempotencyKey).where(*_same(question)))
    if row is None:
        return None
    if row.created_at <= now - KEPT_FOR:
        session.delete(row)
        session.flush()
        return None
    if row.body_digest != question.body_digest:
        raise KeyReused
    if row.answer is None or row.status is None:
        raise RecordErased
    return StoredResponse(row.status, row.answer["body"], row.answer["headers"], row.answer.get("shown", []))


def remember(session: Session, question: IdempotentRequest, answer: StoredResponse, now: datetime) -> None:
    """Keep the answer with the effect of the request."""
    row = IdempotencyKey(
        clinic_id=question.clinic_id,
        caller=question.caller,
        route=question.route,
        key=question.key,
        body_digest=question.body_digest,
        status=answer.status,
        answer={"body": answer.body, "headers": answer.headers, "shown": answer.shown},
        created_at=now,
    )
    session.add(row)
    session.flush()


def forget(session: Session, clinic_id: int, person: Person) -> None:
    """Empty the clinic's answers that name the person. The keys stay, so that nothing is done a second time."""
    query = select(IdempotencyKey).where(IdempotencyKey.clinic_id == clinic_id)
    for row in session.scalars(query.execution_options(yield_per=PAGE)):
        if row.answer is not None and person.is_named_in(row.answer["body"]):
            row.answer = row.status = None
    session.flush()


def prune(session: Session, now: datetime) -> int:
    """Forget answers older than 24 hours; return how many."""
    old = delete(IdempotencyKey).where(IdempotencyKey.created_at <= now - KEPT_FOR)
    result: Any = session.execute(old)
    return int(result.rowcount)


def _check_key(key: str) -> None:
    try:
        clean_line("Idempotency-Key", key, 200, required=True)
    except BadText as error:
        raise Invalid([(error.field, error.reason)]) from None


def _same(question: IdempotentRequest) -> tuple[Any, ...]:
    return (
        IdempotencyKey.clinic_id == question.clinic_id,
        IdempotencyKey.caller == question.caller,
        IdempotencyKey.route == question.route,
        IdempotencyKey.key == question.key,
    )


def _refuse_in_flight(session: Session, question: IdempotentRequest) -> None:
    if session.get_bind().dialect.name != "postgresql":
        return
    scope = "\n".join((str(question.clinic_id), question.caller, question.route, question.key))
    number = int.from_bytes(hashlib.sha256(scope.encode()).digest()[:8], "big", signed=True)
    if not session.scalar(select(func.pg_try_advisory_xact_lock(number))):
        raise KeyInFlight
