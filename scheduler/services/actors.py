"""Who acts: a member of staff in one clinic, a patient by a private link, the clock, or a command.

`operation` is one id for all that one act writes: a re-flow is one operation with many rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4

from scheduler.models.clinic import Clinic
from scheduler.models.user import StaffRole, User


@dataclass(frozen=True)
class Actor:
    """`name` is the label that events carry: staff, patient, clock or command; `address` where a request came from.

    `token_id` and `session_id` say with which API token or signed-in browser a user acts.
    """

    clinic: Clinic
    user: User | None
    role: StaffRole | None
    name: str
    address: str = ""
    scopes: frozenset[str] | None = None  # a token's share of its user's permissions; None is all
    token_id: str = ""
    session_id: str = ""
    token_ends_at: datetime | None = None  # the end of the token that it acts with; None: no token, or no end
    operation: str = field(default_factory=lambda: str(uuid4()))

    @property
    def user_id(self) -> int | None:
        return self.user.id if self.user else None
