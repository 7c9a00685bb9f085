"""All reports by name, what is asked of them, and the figures of the front page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy.orm import Session

from scheduler.domain.localtime import local_on
from scheduler.domain.periods import Period, whole_weeks
from scheduler.errors import Invalid, NotFound
from scheduler.models import practitioner as practitioners
from scheduler.models import site as sites
from scheduler.models.clinic import Clinic
from scheduler.services.reports import (
    attendance,
    capacity,
    inductions,
    openings,
    reminder_results,
    spacing,
    visits,
    waits,
)
from scheduler.services.reports.scope import ReportScope, scope_of
from scheduler.services.reports.tables import Figure, FigureVisits, Report

MAY = "reports"
MOST_DAYS = 2 * 366
REPORTS: Mapping[str, Report] = {
    one.name: one
    for one in (
        visits.REPORT,
        inductions.REPORT,
        spacing.REPORT,
        attendance.REPORT,
        capacity.CHAIRS_REPORT,
        capacity.NURSES_REPORT,
        waits.REPORT,
        reminder_results.REPORT,
        openings.REPORT,
    )
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for: days (None: the last four whole weeks), and what narrows it, by public id or key."""

    first_on: date | None = None
    last_on: date | None = None
    practitioner: str = ""
    protocol: str = ""
    site: str = ""


def find(name: str) -> Report:
    """Return a report. Raises NotFound."""
    if name not in REPORTS:
        raise NotFound
    return REPORTS[name]


def group_of(report: Report, group: str) -> str:
    """Return a grouping of a report, its usual one for none. Raises Invalid."""
    if group and group not in report.groups:
        raise Invalid([("group_by", f"must be one of {', '.join(report.groups)}")])
    return group or report.usual_group


def part_of(report: Report, part: str) -> FigureVisits:
    """Return the visits behind a figure of a report. Raises NotFound."""
    if part not in report.parts:
        raise NotFound
    return report.parts[part]


def read(session: Session, clinic: Clinic, asked: Asked, now: datetime) -> ReportScope:
    """Return what is to be counted. Raises Invalid for days out of order or too many, and for what is not known."""
    person = None
    if asked.practitioner:
        person = practitioners.by_public_id(session, clinic.id, asked.practitioner)
        if person is None:
            raise Invalid([("practitioner_id", "is not a provider of this clinic")])
    site = None
    if asked.site:
        site = sites.by_public_id(session, clinic.id, asked.site)
        if site is None:
            raise Invalid([("site_id", "is not a site of this clinic")])
    everything = scope_of(session, clinic, _period(clinic, asked, now), now)
    scope = replace(everything, practitioner=person, protocol=asked.protocol, site=site)
    if asked.protocol and not scope.plans:
        raise Invalid([("plan_definition", "is not a protocol of this clinic")])
    return scope


def _period(clinic: Clinic, asked: Asked, now: datetime) -> Period:
    if asked.first_on is None and asked.last_on is None:
        return whole_weeks(local_on(now, clinic.zone), clinic.formats)
    if asked.first_on is None or asked.last_on is None:
        raise Invalid([("to" if asked.last_on is None else "from", "is missing")])
    if asked.last_on < asked.first_on:
        raise Invalid([("to", "is before the first day")])
    if (asked.last_on - asked.first_on).days >= MOST_DAYS:
        raise Invalid([("to", "is more than 2 years after the first day")])
    return Period(asked.first_on, asked.last_on)


def figures(session: Session, scope: ReportScope) -> list[Figure]:
    """Return the figure of each report for a period and the one before."""
    return [
        visits.figure(session, scope),
        inductions.figure(session, scope),
        spacing.figure(session, scope),
        attendance.figure(session, scope),
        *capacity.figures(session, scope),
        waits.figure(session, scope),
        reminder_results.figure(session, scope),
        openings.figure(session, scope),
    ]
