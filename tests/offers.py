"""An opened time that is offered, for tests that need its ids."""

from datetime import timedelta

from scheduler.models.opening import Offer, Opening, OpeningCause
from scheduler.services.waitlist import entries
from scheduler.services.waitlist.entries import WaitWishes
from tests.cast import NOW


def offered(session, cast, row):
    """Let a visit be waited for, an hour be open, and be offered."""
    entry = entries.wait_for_earlier(session, cast.command, row, WaitWishes(), NOW)
    start = row.start_at - timedelta(days=1)
    opening = Opening(
        clinic_id=cast.clinic.id,
        cause=OpeningCause.CANCELED,
        start_at=start,
        end_at=row.start_at,
        created_at=NOW,
    )
    session.add(opening)
    session.flush()
    offer = Offer(
        clinic_id=cast.clinic.id,
        opening_id=opening.id,
        entry_id=entry.id,
        start_at=start,
        created_at=NOW,
        expires_at=NOW + timedelta(hours=1),
    )
    session.add(offer)
    session.flush()
    return {"entry": entry.public_id, "opening": opening.public_id, "offer": offer.public_id}
