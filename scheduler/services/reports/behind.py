"""The visits behind a figure: a page of them, and all of them as a file without names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload, selectinload

from scheduler.domain.csv_cells import csv_line
from scheduler.models.appointment import Appointment, Participant
from scheduler.models.care_plan import CarePlan
from scheduler.services.reports.scope import ReportScope
from scheduler.services.reports.tables import FigureVisits

PAGE = 100
FILE_COLUMNS = (
    "id", "patient_id", "care_plan_id", "plan_definition", "kind", "title", "session", "start", "status", "response",
    "booked_at", "location", "practitioners",
)  # fmt: skip


@dataclass(frozen=True)
class VisitPage:
    """A page of visits, the latest first; `number` counts from 1."""

    visits: Sequence[Appointment]
    total: int
    number: int

    @property
    def is_last(self) -> bool:
        return self.number * PAGE >= self.total


def page(session: Session, scope: ReportScope, part: FigureVisits, number: int) -> VisitPage:
    """Return a page of the visits behind a figure, with what a list shows of them."""
    ids = part.ids(session, scope)
    total = session.scalar(select(func.count()).select_from(ids.subquery())) or 0
    query = (
        select(Appointment)
        .where(Appointment.id.in_(ids))
        .options(
            joinedload(Appointment.patient),
            joinedload(Appointment.location),
            selectinload(Appointment.participants).joinedload(Participant.practitioner),
        )
        .order_by(Appointment.local_start.desc(), Appointment.id.desc())
        .limit(PAGE)
        .offset((number - 1) * PAGE)
    )
    return VisitPage(session.scalars(query).all(), total, number)


def all_ids(session: Session, scope: ReportScope, part: FigureVisits) -> list[int]:
    """Return the ids of all visits behind a figure, in order."""
    return sorted(session.scalars(part.ids(session, scope)))


def lines(session: Session, ids: Sequence[int], zone: ZoneInfo) -> Iterator[str]:
    """Yield these visits as lines of CSV, in order of id. Patients are their ids alone."""
    query = (
        select(Appointment)
        .where(Appointment.id.in_(ids))
        .options(
            joinedload(Appointment.patient),
            joinedload(Appointment.location),
            joinedload(Appointment.care_plan).joinedload(CarePlan.plan_definition),
            selectinload(Appointment.participants).joinedload(Participant.practitioner),
        )
        .order_by(Appointment.id)
    )
    for visit in session.scalars(query):
        course = visit.care_plan
        yield csv_line(
            (
                visit.public_id,
                visit.patient.public_id,
                course.public_id if course else None,
                course.plan_definition.key if course else None,
                visit.kind,
                visit.title,
                visit.position,
                visit.start_at,
                visit.status,
                visit.response,
                visit.created_at,
                visit.location.name if visit.location else None,
                "; ".join(one.name for one in visit.practitioners),
            ),
            zone,
        )
