"""Whose turn a message is: claims with a lease, and what becomes of those whose owner is gone.

A claim is a transaction of its own and ends before the network is touched. Leases are counted by the database's clock,
because several hosts may share the work and theirs may differ. A lease that ran out before the sending check leaves a
message pending; one that ran out after it has an unclear end: the mail may be out, or not.

A message with which senders stop again and again may be what stops them. It is claimed alone, so that nothing else goes
down with it, and waits longer each time that it did so alone.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import cache
from itertools import takewhile
from typing import Any

from sqlalchemy import Integer, Select, bindparam, or_, select, update
from sqlalchemy.orm import Session

from scheduler.domain.message_reasons import MessageReason
from scheduler.models.channel import EMAIL
from scheduler.models.message import Message, MessageState
from scheduler.services import limits
from scheduler.services.database_clock import as_instant, database_clock, database_time
from scheduler.services.limits import Limit
from scheduler.services.mail.message_ends import Policy, unclear

LEASE = timedelta(minutes=2)
BACKOFF_MINUTES = (5, 15, 30, 60)
STOPS_TOGETHER = 2  # after so many it is claimed alone


def claim(
    session: Session,
    token: str,
    now: datetime,
    limit: int,
    lease: timedelta = LEASE,
    rate: Limit | None = None,
    *,
    in_flight: bool = False,
) -> list[Message]:
    """Take up to `limit` due messages, the nearest visit first. Other processes pass over what is claimed.

    One that must go alone is the only one then, and waits while others of this process are in flight. No more are taken
    than the channel's rate allows.
    """
    rows = session.execute(_due(session.get_bind().dialect.name), {"now": now, "most": limit}).all()
    if not rows:
        return []
    found, until = [row[0] for row in rows], as_instant(rows[0][1]) + lease
    messages = list(takewhile(lambda one: not goes_alone(one), found)) or ([] if in_flight else found[:1])
    if rate is not None:
        messages = messages[: limits.take(session, rate, EMAIL, len(messages), now)]
    for message in messages:
        message.state, message.lease_token, message.leased_until = MessageState.LEASED, token, until
        message.attempts += 1
    session.flush()
    return messages


@cache  # built once: a clock asks every few seconds, and before every batch
def _due(dialect: str) -> Select[Message, Any]:
    return (
        select(Message, database_clock(dialect))
        .where(
            Message.state == MessageState.PENDING,
            Message.due_at <= bindparam("now"),
            or_(Message.expires_at.is_(None), Message.expires_at > bindparam("now")),
        )
        .order_by(Message.urgent_at, Message.due_at, Message.id)
        .limit(bindparam("most", type_=Integer))
        .with_for_update(skip_locked=True, of=Message)
    )


def goes_alone(message: Message) -> bool:
    return message.stops >= STOPS_TOGETHER


def renew(session: Session, tokens: Collection[str], lease: timedelta = LEASE) -> None:
    """Prolong the leases of a process that is alive."""
    session.execute(
        update(Message)
        .where(Message.state == MessageState.LEASED, Message.lease_token.in_(tokens))
        .values(leased_until=database_time(session) + lease)
        .execution_options(synchronize_session=False)
    )


def hand_back(session: Session, ids: Collection[int], tokens: Collection[str]) -> None:
    """Give up claims that have not passed their sending check: the process is about to end."""
    session.execute(
        update(Message)
        .where(
            Message.id.in_(ids),
            Message.state == MessageState.LEASED,
            Message.lease_token.in_(tokens),
            Message.data_at.is_(None),
        )
        .values(
            state=MessageState.PENDING, lease_token=None, leased_until=None, attempts=Message.attempts - 1
        )
        .execution_options(synchronize_session=False)
    )


def recover(session: Session, now: datetime, policy: Policy) -> Sequence[Message]:
    """Free the messages whose lease is over. Returns them."""
    query = (
        select(Message)
        .where(Message.state == MessageState.LEASED, Message.leased_until < database_time(session))
        .order_by(Message.leased_until, Message.id)  # as the index has them: those leased alone
        .limit(500)
        .with_for_update(skip_locked=True)
    )
    messages = list(session.scalars(query))
    for message in messages:
        if message.data_at is None:
            postpone_poison(message, now)
        else:
            unclear(session, message, now, policy)
    session.flush()
    return messages


def postpone_poison(message: Message, now: datetime) -> None:
    """Put back a message whose sender stopped; one with which it stopped alone waits longer each time."""
    message.state = MessageState.PENDING
    message.explain(MessageReason.SENDER_STOPPED)
    message.lease_token, message.leased_until = None, None
    message.stops += 1
    if message.stops > STOPS_TOGETHER:
        message.due_at = max(message.due_at, now + backoff(message.stops - STOPS_TOGETHER))


def backoff(attempts: int) -> timedelta:
    """Return how long to wait after so many failed attempts, with jitter so that rows do not march in step."""
    minutes = BACKOFF_MINUTES[min(attempts, len(BACKOFF_MINUTES)) - 1]
    return timedelta(minutes=minutes * random.uniform(1.0, 1.2))  # noqa: S311  (jitter, not a secret)
