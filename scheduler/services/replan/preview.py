"""What a re-plan shows: each course with its visits before and after, people and places by name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from scheduler.domain.planner.values import Placement
from scheduler.models.appointment import Appointment, Participant
from scheduler.models.clinic import Clinic
from scheduler.models.patient import Patient
from scheduler.models.replan import Replan, ReplanCourse, ReplanState
from scheduler.services.clinic import resources
from scheduler.services.mail.reminders import address_of, is_told, recipients
from scheduler.services.mail.told import last_told
from scheduler.services.planning.placement_documents import placement_of
from scheduler.services.planning.visit_rows import People
from scheduler.services.replan import replans

OPTIONS = ("pinned", "left_out")


@dataclass(frozen=True)
class ShownMove:
    """A visit that changes: where it is (was, once accepted) and where it goes. `displaced`: it lost its time."""

    visit: Appointment
    before: Placement
    after: Placement
    displaced: bool
    places: tuple[str, str]
    people: tuple[tuple[str, ...], tuple[str, ...]]

    @property
    def is_retimed(self) -> bool:
        return self.before.start != self.after.start


@dataclass(frozen=True)
class ShownSuggestion:
    """What would give a course a place; without moves it asks for more staff."""

    text: str
    moves: tuple[ShownMove, ...]
    bent: tuple[str, ...]
    gaps: tuple[str, ...]


@dataclass(frozen=True)
class ShownCourse:
    """A course of the preview. `lost` are its displaced visits; `by_mail` whether the patient has an address."""

    row: ReplanCourse
    patient: Patient
    lost: tuple[Appointment, ...]
    moves: tuple[ShownMove, ...]
    by_mail: bool
    suggestions: tuple[ShownSuggestion, ...]

    @property
    def is_retimed(self) -> bool:
        return any(move.is_retimed for move in self.moves)


def of_replan(session: Session, clinic: Clinic, replan: Replan) -> list[ShownCourse]:
    """Return all courses of a re-plan, in order of the first displaced visit. The number of queries is fixed."""
    rows = replans.courses(session, replan)
    moves = [move for row in rows for move in _all_moves(row)]
    ids = {move["visit"] for move in moves} | {id_ for row in rows for id_ in row.displaced}
    query = select(Appointment).where(Appointment.id.in_(ids))
    options = selectinload(Appointment.participants).joinedload(Participant.practitioner)
    visits = {one.id: one for one in session.scalars(query.options(options))}
    planned = [placement_of(move[end]) for move in moves for end in ("from", "to")]
    names = _Names(People(session, clinic, planned))
    return [_shown(row, visits, names) for row in rows]


def _all_moves(row: ReplanCourse) -> list[dict[str, Any]]:
    return [*row.moves, *(move for one in row.suggestions for move in one["moves"])]


class _Names:
    def __init__(self, people: People) -> None:
        self.people = people

    def place(self, visit: Placement) -> str:
        location = self.people.locations.get(visit.location_id or 0)
        return location.name if location else ""

    def staff(self, visit: Placement) -> tuple[str, ...]:
        known = self.people.practitioners
        return tuple(known[id_].name for id_ in visit.practitioner_ids if id_ in known)


def _shown(row: ReplanCourse, visits: dict[int, Appointment], names: _Names) -> ShownCourse:
    moves = [_shown_move(move, visits, names) for move in row.moves]
    suggestions = [
        ShownSuggestion(
            one["text"],
            tuple(_shown_move(move, visits, names) for move in one["moves"]),
            tuple(one["bent"]),
            tuple(one["gaps"]),
        )
        for one in (row.suggestions if row.state is ReplanState.UNPLACED else ())
    ]
    patient = row.appointment.patient
    lost = sorted((visits[id_] for id_ in row.displaced), key=lambda one: (one.start_at, one.id))
    by_mail = any(address_of(patient, recipient) for recipient in recipients(patient))
    return ShownCourse(row, patient, tuple(lost), tuple(moves), by_mail, tuple(suggestions))


def _shown_move(move: dict[str, Any], visits: dict[int, Appointment], names: _Names) -> ShownMove:
    before, after = placement_of(move["from"]), placement_of(move["to"])
    return ShownMove(
        visits[move["visit"]],
        before,
        after,
        move["displaced"],
        (names.place(before), names.place(after)),
        (names.staff(before), names.staff(after)),
    )


def name_of(session: Session, replan: Replan) -> str:
    """Return what a re-plan is about: a place's or a person's name, nothing for the clinic or for all."""
    if replan.resource_id is None:
        return ""
    return resources.names(session, replan.clinic_id, [replan.resource_id])[replan.resource_id]


@dataclass(frozen=True)
class Successor:
    """Who takes over from whom, by name, in how many of their courses."""

    leaving: str
    name: str
    courses: int
    of: int


def successors(session: Session, replan: Replan) -> list[Successor]:
    """Return who takes over from therapists who leave."""
    found = (replan.result or {}).get("successors", ())
    if not found:
        return []
    ids = [one[which] for one in found for which in ("leaving", "successor")]
    names = resources.names(session, replan.clinic_id, ids)
    return [
        Successor(names[one["leaving"]], names[one["successor"]], one["courses"], one["of"]) for one in found
    ]


def told(session: Session, clinic: Clinic, courses: Sequence[ShownCourse]) -> dict[int, bool]:
    """Return for each accepted course with new times, by the id of its row, whether the patient was told all by mail.

    A visit about which patients get no mail counts as told; a patient without an address is to be called.
    """
    accepted = [one for one in courses if one.row.state is ReplanState.ACCEPTED and one.is_retimed]
    visits = [move.visit for one in accepted for move in one.moves if move.is_retimed]
    last = last_told(session, [visit.id for visit in visits], "patient")

    def knows(visit: Appointment) -> bool:
        known = last.get(visit.id)
        return not is_told(visit, clinic.settings) or (known is not None and known.still_holds(visit))

    return {
        one.row.id: one.by_mail and all(knows(move.visit) for move in one.moves if move.is_retimed)
        for one in accepted
    }


def totals(courses: Sequence[ShownCourse]) -> dict[str, int]:
    """Return how many courses are in each state."""
    found: dict[str, int] = {}
    for course in courses:
        found[course.row.state.value] = found.get(course.row.state.value, 0) + 1
    return found


@dataclass(frozen=True)
class PatientCounts:
    """How many patients keep all that they wish, need a person, can be accepted at once, have a plan that does not
    hold any more, were moved, must be notified, and were notified. A patient may have several courses."""

    keep: int
    need: int
    planned: int
    outdated: int
    moved: int
    to_tell: int
    know: int


def patient_counts(
    courses: Sequence[ShownCourse], told: Mapping[int, bool], outdated: Collection[int]
) -> PatientCounts:
    """Count patients; `told` tells for each accepted course with new times whether its patient knows.

    `outdated` are the ids of rows whose plan does not hold any more: these cannot be accepted at once.
    """

    def of(found: Iterable[ShownCourse]) -> set[int]:
        return {one.patient.id for one in found}

    need = of(one for one in courses if one.row.state in (ReplanState.ASK, ReplanState.UNPLACED))
    bent = of(one for one in courses if one.row.bent)
    moving = [one for one in courses if one.row.id in told]
    planned = [one for one in courses if one.row.state is ReplanState.PLANNED]
    return PatientCounts(
        keep=len(of(courses) - need - bent),
        need=len(need),
        planned=len(of(one for one in planned if one.row.id not in outdated)),
        outdated=len(of(one for one in courses if one.row.id in outdated)),
        moved=len(of(one for one in courses if one.row.state is ReplanState.ACCEPTED)),
        to_tell=len(of(moving)),
        know=len(of(moving) - of(one for one in moving if not told[one.row.id])),
    )


def chosen(session: Session, clinic: Clinic, replan: Replan) -> list[tuple[str, Appointment]]:
    """Return the visits that a person chose for the next search, each with the option: `pinned` or `left_out`."""
    options = {id_: option for option in OPTIONS for id_ in replan.options.get(option, ())}
    query = select(Appointment).where(
        Appointment.clinic_id == clinic.id, Appointment.public_id.in_(options.keys())
    )
    rows = session.scalars(query.options(joinedload(Appointment.patient)).order_by(Appointment.start_at))
    return [(options[row.public_id], row) for row in rows]
