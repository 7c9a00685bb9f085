"""When the mail server is in trouble, the channel waits and not the rows.

Every failure in a row doubles the wait, from 5 seconds to 5 minutes; then one mail probes. What only a person can mend
(a wrong password, a bad certificate) waits the longest at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock

SHORTEST = timedelta(seconds=5)
LONGEST = timedelta(minutes=5)


@dataclass
class Breaker:
    """Shared by the connections of one process. `open_until` is by the clock that `allows` is asked with."""

    failures: int = 0
    open_until: datetime | None = None
    reason: str = ""
    noted: int = 0  # the failures that the other processes know of
    _lock: Lock = field(default_factory=Lock, repr=False)

    def allows(self, now: datetime) -> bool:
        with self._lock:
            return self.open_until is None or now >= self.open_until

    @property
    def probing(self) -> bool:
        """The wait is over, and nothing has succeeded since."""
        return self.failures > 0

    def failed(self, now: datetime, reason: str, *, needs_a_person: bool) -> None:
        with self._lock:
            if self.open_until is not None and now < self.open_until:
                return  # the other connections' share of the same trouble
            self.failures += 1
            wait = LONGEST if needs_a_person else min(SHORTEST * 2 ** (self.failures - 1), LONGEST)
            self.open_until, self.reason = now + wait, reason

    def succeeded(self) -> None:
        with self._lock:
            self.failures, self.open_until, self.reason = 0, None, ""
