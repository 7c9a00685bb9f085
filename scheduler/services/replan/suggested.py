"""A suggestion for a course without a place becomes its plan, to be accepted once the patient has agreed."""

from __future__ import annotations

from sqlalchemy.orm import Session

from scheduler.errors import NotFound, WrongStatus
from scheduler.models.replan import Replan, ReplanState
from scheduler.services.replan import replans


def use(session: Session, replan: Replan, course_id: str, number: int) -> None:
    """Take the suggestion with this number (from 0) as the plan of a course; nothing moves yet.

    Raises NotFound without such a course or suggestion, WrongStatus while a job is at it, for a course that has a plan,
    and for a suggestion that asks for more staff.
    """
    replans.require_idle(session, replan)
    found = [row for row in replans.courses(session, replan) if row.public_id == course_id]
    if not found or not 0 <= number < len(found[0].suggestions):
        raise NotFound
    [row], suggestion = found, found[0].suggestions[number]
    if row.state is not ReplanState.UNPLACED:
        raise WrongStatus("This course has new times")
    if not suggestion["moves"]:
        raise WrongStatus("Enter the hours of the staff first, then search again")
    row.state, row.reasons = ReplanState.ASK, [suggestion["text"]]
    row.moves, row.bent, row.gaps = suggestion["moves"], suggestion["bent"], suggestion["gaps"]
