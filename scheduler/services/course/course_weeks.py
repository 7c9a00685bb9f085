"""A course by weeks, as its page lists it: each visit with the calls and sessions that follow it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby

from scheduler.domain.formats import Formats
from scheduler.domain.localtime import local_on
from scheduler.models.appointment import Appointment
from scheduler.services.course.course_pictures import Picture, RequirementState, SpacedVisit

WEEK = timedelta(days=7)


@dataclass(frozen=True)
class CourseRow:
    """A visit, what its own requirements are, and the visits that the protocol counts from it and that give no drug."""

    step: SpacedVisit
    requirements: tuple[RequirementState, ...]
    following: tuple[SpacedVisit, ...]

    @property
    def is_unfolded(self) -> bool:
        """Whether something that follows is not as planned, so that it must be seen."""
        return any(not one.stands or (one.spacing and not one.spacing.kept) for one in self.following)


@dataclass(frozen=True)
class CourseWeek:
    """The rows that begin in one week, and what the week is about, such as "Infusions 3–4".

    The last of a course may be what is proposed for later, from its first to its last day.
    """

    first_on: date
    last_on: date
    title: str
    rows: tuple[CourseRow, ...]


def weeks_of(picture: Picture, formats: Formats) -> list[CourseWeek]:
    """Return the course by the weeks in which its visits begin, weeks without any left out."""
    rows = _rows(picture)
    doses = [row.step.visit.start_at for row in rows if is_dose(picture, row.step.visit)]
    found = []
    for (is_later, week_on), group in groupby(rows, lambda row: _week(row.step.visit, formats)):
        own = tuple(group)
        first_on, last_on = (
            (_day(own[0].step.visit), _day(own[-1].step.visit))
            if is_later
            else (week_on, week_on + WEEK - timedelta(days=1))
        )
        is_before = bool(doses) and own[-1].step.visit.start_at < doses[0]
        found.append(CourseWeek(first_on, last_on, "Preparation" if is_before else _title(picture, own), own))
    return found


def series_of(picture: Picture) -> list[SpacedVisit]:
    """Return the visits whose progress a person asks for: the last of each dose, or of each visit if none is given."""
    firm = [one for one in picture.steps if not one.visit.book_by_on and one.visit.visible]
    doses = [one for one in firm if is_dose(picture, one.visit)]
    last = {one.visit.action: one for one in doses or firm}
    return list(last.values())


def is_dose(picture: Picture, visit: Appointment) -> bool:
    """Return whether the visit gives the drug, by the course's protocol."""
    return any(one.key == visit.action and one.dosing for one in picture.plan.actions)


def _rows(picture: Picture) -> list[CourseRow]:
    leads = {one.visit.action: one for one in picture.steps if one.stands and is_dose(picture, one.visit)}
    after = {one.key: one.offset.after for one in picture.plan.actions if one.offset and not one.dosing}
    rows: dict[int, list[SpacedVisit]] = {}
    loose = []
    for one in picture.steps:
        lead = leads.get(after.get(one.visit.action or "", ""))
        if lead is None or one.visit.start_at < lead.visit.start_at or one.visit.book_by_on:
            loose.append(one)
        else:
            rows.setdefault(lead.visit.id, []).append(one)
    return [
        CourseRow(one, tuple(_own(picture, one.visit)), tuple(rows.get(one.visit.id, ()))) for one in loose
    ]


def _own(picture: Picture, visit: Appointment) -> Iterator[RequirementState]:
    return (one for one in picture.requirements if one.visit is not None and one.visit.id == visit.id)


def _week(visit: Appointment, formats: Formats) -> tuple[bool, date]:
    """Return the week of a visit; visits months ahead, which have no time yet, are one group after all others."""
    if visit.book_by_on:
        return True, date.max
    return False, formats.week_start(_day(visit))


def _day(visit: Appointment) -> date:
    return local_on(visit.start_at, visit.zone)


def _title(picture: Picture, rows: Sequence[CourseRow]) -> str:
    doses = [row.step.visit for row in rows if row.step.stands and is_dose(picture, row.step.visit)]
    if not doses:
        return ""
    numbers = [one.position for one in doses if one.title == doses[0].title and one.position]
    if not numbers:
        return doses[0].title
    if len(numbers) == 1:
        return f"{doses[0].title} {numbers[0]}"
    return f"{doses[0].title}s {numbers[0]}–{numbers[-1]}"
