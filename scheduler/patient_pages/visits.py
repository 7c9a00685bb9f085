"""The page itself: the next visits with date, time, place, preparation, and what can be answered. Only reads."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from flask import Response, current_app

from config import Settings
from scheduler.database import db
from scheduler.domain.localtime import local_on
from scheduler.domain.month import CalendarDay, weeks
from scheduler.ical import course_calendar
from scheduler.models.appointment import Appointment, common_site, sites_of
from scheduler.models.open_requirements import is_needed
from scheduler.models.patient_request import last_declined, open_for
from scheduler.models.preparations import PreparationLine, steps
from scheduler.models.site import contact_of
from scheduler.models.visit_answer import DriverAnswer, driver_of
from scheduler.models.waitlist import waiting_for
from scheduler.patient_pages.opening import Opened, bp, opened, shown
from scheduler.services.clinic.displaced import among
from scheduler.services.patient.patient_answers import waiting_check_in
from scheduler.services.patient.self_service import Choices
from scheduler.services.planning.courses import missing_before_each
from scheduler.services.task import emailed_proposals
from scheduler.services.waitlist.answering import offers_shown

MOST_WEEKS = 10
Offered = tuple[Appointment, Choices, Sequence[PreparationLine]]
FEW = 3  # a mail about no more visits opens the page with these unfolded


@bp.get("/visits/<token>")
def show(token: str) -> Response:
    """Show the patient's visits."""
    return overview(opened(token))


def overview(page: Opened, status: int = 200, notice: str = "") -> Response:
    """Return the page with all visits ahead; `notice` says what has just happened."""
    visits = page.visits()
    standing = [visit for visit in visits if visit.status.is_live]
    offered = [(visit, page.choices(visit), steps(visit, page.speech.language)) for visit in visits]
    next_id = standing[0].public_id if standing else ""
    after_next = next((n for n, (visit, *_) in enumerate(offered, 1) if visit.public_id == next_id), 0)
    proposal = emailed_proposals.open_for(db.session(), page.patient, page.now)
    confirmable = [visit for visit, may, _ in offered if may.confirm]
    return shown(
        "patient_pages/show.html",
        page,
        status,
        notice=notice,
        next_id=next_id,
        asked_about={visit.public_id for visit in page.about} if len(page.about) <= FEW else set(),
        requests={visit.public_id: open_for(db.session(), visit) for visit in standing},
        declined={visit.public_id: last_declined(db.session(), visit) for visit in standing},
        drivers={visit.public_id: driver_of(db.session(), visit) for visit in standing},
        displaced={one.visit.id for one in among(db.session(), page.clinic, standing)},
        blocked=missing_before_each(db.session(), standing),
        needed={visit.public_id for visit in standing if is_needed(visit, page.now)},
        check_in=waiting_check_in(db.session(), page.clinic, page.patient, page.now),
        visits=offered,
        at_several=len(sites_of(visits)) > 1,
        leading=offered[:after_next],
        months=_months(page, offered[after_next:]),
        calendar=_calendar(page, standing),
        proposal=proposal,
        proposed=emailed_proposals.visits_of(proposal) if proposal else [],
        held_until=emailed_proposals.held_until(proposal, page.now) if proposal else None,
        offers=offers_shown(db.session(), page.patient, page.now),
        waiting={visit.id for visit in standing if waiting_for(db.session(), visit)},
        confirmable=confirmable if len(confirmable) > 1 else [],
        zone=_shared_zone(page, visits),
    )


def _months(page: Opened, offered: Sequence[Offered]) -> list[tuple[str, list[Offered]]]:
    """Return the visits after the next one by month, with the month's name."""

    def name(one: Offered) -> str:
        return page.speech.formats.month_year(local_on(one[0].start_at, page.clinic.zone))

    return [(words, list(group)) for words, group in groupby(offered, name)]


def _calendar(page: Opened, standing: Sequence[Appointment]) -> list[list[CalendarDay[Appointment]]]:
    """Return the weeks of the visits that are booked; nothing for a few visits, or where it would be long."""
    found = weeks(standing, lambda one: one.start_at, page.clinic.zone, page.speech.formats, {})
    return found if len(standing) > FEW and len(found) <= MOST_WEEKS else []


def _shared_zone(page: Opened, visits: Sequence[Appointment]) -> str:
    """Return the zone of several visits, to be said once; nothing where the clocks change between them."""
    zones = {page.speech.zone_of(visit.start_at) for visit in visits}
    return zones.pop() if len(zones) == 1 and len(visits) > 1 else ""


@bp.get("/visits/<token>/sheet")
def sheet(token: str) -> Response:
    """Show all visits that stand, with all that is to be done before, and nothing to press: a sheet to print."""
    page = opened(token)
    standing = [visit for visit in page.visits() if visit.status.is_live]
    drivers = {visit.id: _driver(page, visit) for visit in standing}
    return shown(
        "patient_pages/sheet.html",
        page,
        visits=[(visit, drivers[visit.id], steps(visit, page.speech.language)) for visit in standing],
        at_several=len(sites_of(standing)) > 1,
        here=contact_of(page.clinic, common_site(standing)),
        zone=_shared_zone(page, standing),
    )


@bp.get("/visits/<token>/appointments/<visit_id>/visit.ics")
def one_calendar(token: str, visit_id: str) -> Response:
    """Give one visit as a calendar file."""
    page = opened(token)
    settings: Settings = current_app.config["SETTINGS"]
    visit = page.visit(visit_id)
    url = f"{settings.public_url}/visits"
    body = course_calendar(page.clinic, [visit], url, page.speech.language)
    return Response(
        body,
        headers={
            "Content-Type": "text/calendar; charset=utf-8",
            "Content-Disposition": 'attachment; filename="appointment.ics"',
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
        },
    )


def _driver(page: Opened, visit: Appointment) -> DriverAnswer | None:
    """Return who takes the patient home, an empty answer while no one is named, None where it does not matter."""
    if not page.choices(visit).driver:
        return None
    return driver_of(db.session(), visit) or DriverAnswer(has_driver=False)
