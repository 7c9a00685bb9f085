"""What ties a preview to what is then done: a signed digest of the moves that were shown.

Applying plans the moves again. If they are not the same, the calendar has changed, and the person must look again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256

from itsdangerous import BadSignature

from scheduler.domain.localtime import to_minute
from scheduler.errors import StalePreview
from scheduler.services import signing
from scheduler.services.actors import Actor
from scheduler.services.visit.moves import Move

GOOD_FOR = timedelta(minutes=15)
SALT = "moves"


def sign(moves: Sequence[Move], actor: Actor, keys: Sequence[str], now: datetime) -> str:
    """Return the token of a preview. `keys`: the first signs, all are accepted."""
    return sign_shown(_told(moves), actor, keys, now)


def check(token: str, moves: Sequence[Move], actor: Actor, keys: Sequence[str], now: datetime) -> None:
    """Raise StalePreview unless these are the moves that the token's preview showed to this user of late."""
    check_shown(token, _told(moves), actor, keys, now)


def sign_shown(shown: object, actor: Actor, keys: Sequence[str], now: datetime) -> str:
    """Return the token of anything that was shown, told by its plain values."""
    return signing.serializer(keys, SALT).dumps(
        [actor.user_id, _digest(shown), int((now + GOOD_FOR).timestamp())]
    )


def check_shown(token: str, shown: object, actor: Actor, keys: Sequence[str], now: datetime) -> None:
    """Raise StalePreview unless this is what the token's preview showed to this user of late."""
    try:
        user_id, digest, until = signing.serializer(keys, SALT).loads(token)
    except (BadSignature, ValueError, TypeError) as refused:
        raise StalePreview from refused
    if user_id != actor.user_id or digest != _digest(shown) or until < now.timestamp():
        raise StalePreview


def _told(moves: Sequence[Move]) -> list[object]:
    return [
        (
            move.appointment.public_id,
            move.appointment.row_version,
            to_minute(move.visit.start),
            move.visit.location_id,
            move.visit.practitioner_ids,
        )
        for move in moves
    ]


def _digest(shown: object) -> str:
    return sha256(repr(shown).encode()).hexdigest()
