"""What carries a proposal from the page that shows it to the booking: a signed token, good for a quarter of an hour.

It says for which clinic, user, patient and version of the plan it was made, and comes back in POST bodies only.
Booking checks every rule again, so a token is a memory and not a permission.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from itsdangerous import BadSignature
from sqlalchemy.orm import Session

from scheduler.domain.localtime import from_minute, to_minute
from scheduler.domain.planner.values import Placement, Projection, Proposal
from scheduler.errors import ProposalExpired
from scheduler.models.patient import by_public_id as patient_by_public_id
from scheduler.models.plan_definition import by_public_id as plan_by_public_id
from scheduler.services import signing
from scheduler.services.actors import Actor
from scheduler.services.planning.placement_documents import placement_document, placement_of
from scheduler.services.planning.wishes import CourseRequest, from_document

GOOD_FOR = timedelta(minutes=15)
SALT = "proposal"


@dataclass(frozen=True)
class SignedProposal:
    """What a token holds."""

    wishes: CourseRequest
    visits: tuple[Placement, ...]
    projections: tuple[Projection, ...]


def sign(proposal: Proposal, wishes: CourseRequest, actor: Actor, keys: Sequence[str], now: datetime) -> str:
    """Return the token with which this proposal can be booked. `keys`: the first signs, all are accepted."""
    return signing.serializer(keys, SALT).dumps(
        {
            "c": actor.clinic.id,
            "u": actor.user_id,
            "p": wishes.patient.public_id,
            "d": wishes.plan_definition.public_id,
            "x": int((now + GOOD_FOR).timestamp()),
            "w": wishes.to_document(),
            "v": [placement_document(visit) for visit in proposal.visits],
            "j": [_projection_document(projection) for projection in proposal.projections],
        }
    )


def unsign(session: Session, actor: Actor, token: str, keys: Sequence[str], now: datetime) -> SignedProposal:
    """Return what a token holds. Raises ProposalExpired when it is old, not ours, or not this user's."""
    try:
        held = signing.serializer(keys, SALT).loads(token)
    except BadSignature as refused:
        raise ProposalExpired from refused
    mine = held["c"] == actor.clinic.id and held["u"] == actor.user_id
    if not mine or held["x"] < now.timestamp():
        raise ProposalExpired
    patient = patient_by_public_id(session, actor.clinic.id, held["p"])
    definition = plan_by_public_id(session, actor.clinic.id, held["d"])
    if patient is None or patient.merged_into_id is not None or definition is None:
        raise ProposalExpired
    return SignedProposal(
        wishes=from_document(session, patient, definition, held["w"]),
        visits=tuple(placement_of(document) for document in held["v"]),
        projections=tuple(_projection(document) for document in held["j"]),
    )


def _projection_document(projection: Projection) -> list[Any]:
    days = (projection.earliest_on.isoformat(), projection.latest_on.isoformat())
    return [projection.action, to_minute(projection.start), *days]


def _projection(document: list[Any]) -> Projection:
    action, start, earliest, latest = document
    return Projection(action, from_minute(start), date.fromisoformat(earliest), date.fromisoformat(latest))
