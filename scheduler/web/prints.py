"""Sheets to print: a patient's course with how to prepare, a proposal, and the day for each chair or person."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, render_template, request

from scheduler import clock
from scheduler.database import db
from scheduler.domain.plans import Role
from scheduler.http import signing
from scheduler.models import preparations, visit_answer
from scheduler.models.appointment import Appointment, appointments_of, common_site, sites_of
from scheduler.models.patient import Patient
from scheduler.models.site import contact_of
from scheduler.notify.words import Tongue, tongue
from scheduler.services.day import boards
from scheduler.services.day.boards import BoardView
from scheduler.services.planning.proposal_tokens import unsign
from scheduler.services.visit.requirements import rules_for
from scheduler.transactions import only_reads
from scheduler.web.board import chosen_site
from scheduler.web.care_plans import find
from scheduler.web.current import actor
from scheduler.web.local import read_date
from scheduler.web.shell import may
from scheduler.web.visits import find as find_visit

bp = Blueprint("prints", __name__)
DRIVER = "driver"


@dataclass(frozen=True)
class PrintedColumn:
    """A chair, a room or a person with the visits of the day."""

    name: str
    visits: list[Appointment]


@bp.get("/care-plans/<care_plan_id>/sheet")
@may("view")
def course(care_plan_id: str) -> str:
    """The visits ahead that the patient comes to, each with its preparation."""
    found, now = find(care_plan_id), clock.now()
    ahead = [
        visit
        for visit in appointments_of(found)
        if visit.end_at > now and visit.visible and visit.status.is_live
    ]
    clinic = actor().clinic
    speech = tongue(found.patient.language, clinic.zone, clinic.formats)
    return render_template(
        "prints/course.html",
        course=found,
        patient=found.patient,
        visits=[(visit, _lines(visit, speech)) for visit in ahead],
        **_places(ahead),
        now=now,
    )


@bp.get("/appointments/<visit_id>/sheet")
@may("view")
def visit(visit_id: str) -> str:
    """One visit for its patient, with its preparation."""
    found, clinic = find_visit(visit_id), actor().clinic
    speech = tongue(found.patient.language, clinic.zone, clinic.formats)
    return render_template(
        "prints/course.html",
        single=True,
        patient=found.patient,
        visits=[(found, _lines(found, speech))],
        **_places([found]),
        now=clock.now(),
    )


@bp.post("/care-plans/proposals/print")
@may("book")
@only_reads
def offer() -> str:
    """A proposal on paper, for a patient who decides at home: nothing of it is booked. Raises ProposalExpired."""
    now = clock.now()
    found = unsign(db.session(), actor(), request.form.get("token", ""), signing.keys(), now)
    plan = found.wishes.plan_definition.plan
    visits = [(plan.action(visit.action), visit) for visit in found.visits]
    return render_template(
        "prints/offer.html",
        patient=found.wishes.patient,
        plan_title=found.wishes.plan_definition.title,
        visits=[(action, visit) for action, visit in visits if action.visible],
        place=contact_of(actor().clinic, found.wishes.site),
        now=now,
    )


@bp.get("/board/<on>/print")
@may("view")
def day(on: str) -> str:
    """The day's columns as lists; `by` is chairs or people, `names` is names or initials."""
    asked = read_date("date", on)
    view = BoardView.PEOPLE if request.args.get("by") == BoardView.PEOPLE else BoardView.CHAIRS
    now = clock.now()
    board = boards.at_site(boards.load(db.session(), actor().clinic, asked, view, now), chosen_site())
    named: Callable[[Patient], str] = _name if request.args.get("names") == "names" else initials
    columns = [
        PrintedColumn(column.name, list({block.visit.id: block.visit for block in column.blocks}.values()))
        for column in board.columns
    ]
    if view is BoardView.CHAIRS:
        columns.append(PrintedColumn("Phone and video", board.calls))
    return render_template(
        "prints/day.html",
        board=board,
        columns=columns,
        named=named,
        full=request.args.get("names") == "names",
        drivers=visit_answer.drivers_of(db.session(), [one.id for one in board.visits]),
        nurses=lambda visit: [one.name for one in visit.practitioners if Role.NURSE in one.roles],
        others=lambda visit: [one.name for one in visit.practitioners if Role.NURSE not in one.roles],
        needs_driver=lambda visit: any(rule.key == DRIVER for rule in rules_for(visit)),
        without_driver={
            one for one, rules in board.missing.items() if any(rule.key == DRIVER for rule in rules)
        },
        by=view.value,
        now=now,
    )


def _places(visits: Sequence[Appointment]) -> dict[str, Any]:
    """Return where visits are: at the head of a sheet, and at each visit where that is several sites."""
    clinic = actor().clinic
    return {
        "place": contact_of(clinic, common_site(visits)),
        "at_several": len(sites_of(visits)) > 1,
        "address_at": lambda visit: contact_of(clinic, common_site([visit])).address,
    }


def initials(patient: Patient) -> str:
    """Return a patient's initials, first letters as they are written."""
    return " ".join(f"{part[0]}." for part in (patient.given_name, patient.family_name) if part)


def _name(patient: Patient) -> str:
    return patient.name


def _lines(visit: Appointment, speech: Tongue) -> list[str]:
    steps = preparations.steps(visit, speech.language)
    return [speech.preparation(step.text, step.at, visit.start_at) for step in steps]
