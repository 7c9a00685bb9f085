"""Limits on how often something may be asked for, counted in the database so that they hold across processes.

Time is cut into stretches of the limit's length; a count belongs to one stretch. Who asked is kept as a digest.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from threading import Lock

from sqlalchemy.orm import Session

from scheduler.models import request_count

HOUR = timedelta(hours=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` in each stretch of `per`."""

    name: str
    most: int
    per: timedelta

    def begins(self, now: datetime) -> datetime:
        return now - (now - EPOCH) % self.per

    def ends_in(self, now: datetime) -> int:
        """Return the whole seconds until the next stretch, for Retry-After."""
        return int((self.begins(now) + self.per - now).total_seconds()) + 1


def hit(session: Session, limit: Limit, who: str, now: datetime, by: int = 1) -> int:
    """Count `by` requests of `who` and return how many there are in this stretch, these included."""
    begins_at = limit.begins(now)
    count = request_count.add(session, limit.name, _digest(who), begins_at, by)
    if count == by:
        request_count.forget(session, limit.name, begins_at - limit.per)
    return count


def take(session: Session, limit: Limit, who: str, wanted: int, now: datetime) -> int:
    """Count as many of `wanted` as the limit still allows in this stretch, and return how many those are."""
    if wanted == 0:
        return 0
    before = (
        hit(session, limit, who, now, wanted) - wanted
    )  # counted first: so two at once cannot take the same
    allowed = max(0, min(wanted, limit.most - before))
    if allowed < wanted:
        hit(session, limit, who, now, allowed - wanted)
    return allowed


def count(session: Session, limit: Limit, who: str, now: datetime) -> int:
    """Return how many requests of `who` there are in this stretch."""
    return request_count.present(session, limit.name, _digest(who), limit.begins(now))


class Tally:
    """Counts in memory, to be added to the database in steps: for what is asked for often and seldom too often.

    A process hears of the others' counts once a step, so the limit is overstepped by at most a step in each process.
    """

    def __init__(self, limit: Limit, step: int = 1) -> None:
        self.limit, self.step = limit, step
        self._lock = Lock()
        self._begins_at: datetime | None = None
        self._uncounted: Counter[str] = Counter()
        self._over: set[str] = set()

    def due(self, who: str, now: datetime) -> int:
        """Count one request; return how many are to be added to the database now, mostly none.

        Who is known to be over is not counted any more, and costs no write.
        """
        with self._lock:
            self._turn(now)
            if who in self._over:
                return 0
            self._uncounted[who] += 1
            return 0 if self._uncounted[who] < self.step else self._uncounted.pop(who)

    def learn(self, who: str, total: int) -> None:
        """Take note of what the database knows."""
        with self._lock:
            if total > self.limit.most:
                self._over.add(who)

    def is_over(self, who: str, now: datetime) -> bool:
        with self._lock:
            self._turn(now)
            return who in self._over

    def _turn(self, now: datetime) -> None:
        begins_at = self.limit.begins(now)
        if self._begins_at != begins_at:
            self._begins_at = begins_at
            self._uncounted.clear()
            self._over.clear()


def network(address: str | None) -> str:
    """Return whom an address stands for: an IPv6 host has a whole /64 to choose from."""
    try:
        parsed = ip_address(address or "")
    except ValueError:
        return "unknown"
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ip_network((parsed, 64), strict=False))


def _digest(who: str) -> str:
    return hashlib.sha256(who.encode()).hexdigest()
