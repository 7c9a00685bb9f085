"""Booking a course on one page: who, which protocol, when; proposals; one button."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from secrets import token_hex

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.database import db
from scheduler.domain.localtime import local_on
from scheduler.domain.planner.model import Proposal, Visit
from scheduler.domain.plans import Plan, Role
from scheduler.errors import Invalid, NoFitFound, ProposalExpired, Refusal, RuleBroken, SlotTaken
from scheduler.models import plan_definition as definitions
from scheduler.models import practitioner as practitioners
from scheduler.models.care_plan import last_booked_plan
from scheduler.models.patient import Patient
from scheduler.models.schedule import closures
from scheduler.services import booking, patients, proposals, resources
from scheduler.services.proposal_tokens import sign, unsign
from scheduler.transactions import only_reads
from scheduler.web import signing, wish_form
from scheduler.web.current import actor
from scheduler.web.month import CalendarDay, weeks
from scheduler.web.refusals import is_partial
from scheduler.web.shell import may
from scheduler.web.wish_form import Fields

bp = Blueprint("booking", __name__)


@dataclass(frozen=True)
class Offer:
    """A proposal as the page shows it."""

    proposal: Proposal
    token: str
    weeks: list[list[CalendarDay[Visit]]]
    names: dict[int, str]


@bp.get("/care-plans/new")
@may("book")
def new() -> str:
    public_id = request.args.get("patient", "")
    if not public_id:
        text = request.args.get("search", "").strip()
        found = patients.search(db.session(), actor().clinic, text, limit=12)
        return render_template("booking/who.html", found=found, search=text)
    patient = patients.get(db.session(), actor().clinic, public_id)
    asked = request.args.get("plan_definition") or last_booked_plan(db.session(), actor().clinic.id)
    return _page(patient, wish_form.start_values(patient, asked, _today()))


@bp.post("/care-plans/proposals")
@may("book")
@only_reads
def propose() -> str | tuple[str, int]:
    patient = patients.get(db.session(), actor().clinic, request.form.get("patient", ""))
    try:
        offers, plan = _offers(patient, request.form)
    except (NoFitFound, Invalid) as refusal:
        return _answer(patient, request.form, refusal=refusal), refusal.status
    return _answer(patient, request.form, offers, plan)


@bp.post("/care-plans")
@may("book")
def book() -> str | tuple[str, int] | Response:
    keys, now = signing.keys(), clock.now()
    try:
        held = unsign(db.session(), actor(), request.form.get("token", ""), keys, now)
        reserve = actor().clinic.settings.reservation_minutes if "reserve" in request.form else None
        course = booking.book_course(
            db.session(), actor(), held.wishes, held.visits, held.projections, now, reserve_minutes=reserve
        )
    except (SlotTaken, RuleBroken, ProposalExpired) as refusal:
        db.session.rollback()
        return _again(refusal)
    db.session.commit()
    words = "Reserved" if reserve else "Booked"
    flash(f"{words}: {len(held.visits)} visits for {course.patient.name}.")
    return redirect(url_for("care_plans.show", care_plan_id=course.public_id), 303)


def _again(refusal: Refusal) -> tuple[str, int]:
    """Return the page with what went wrong and, where there is any, what fits now."""
    patient = patients.get(db.session(), actor().clinic, request.form.get("patient", ""))
    try:
        offers, plan = _offers(patient, request.form)
    except (NoFitFound, Invalid):
        return _page(patient, request.form, refusal=refusal), refusal.status
    return _page(patient, request.form, offers, plan, refusal), refusal.status


def _offers(patient: Patient, form: Fields) -> tuple[list[Offer], Plan]:
    now = clock.now()
    wishes = wish_form.read(db.session(), actor(), patient, form, _today())
    found = proposals.propose(db.session(), actor(), wishes, now)
    ids = {s.resource_id for proposal in found for visit in proposal.visits for s in visit.segments}
    names = resources.names(db.session(), actor().clinic.id, ids)
    zone, closed = actor().clinic.zone, _closed([visit for one in found for visit in one.visits])
    offers = [
        Offer(
            proposal,
            sign(proposal, wishes, actor(), signing.keys(), now),
            weeks(proposal.visits, lambda visit: visit.start, zone, closed),
            names,
        )
        for proposal in found
    ]
    return offers, wishes.plan_definition.plan


def _closed(visits: Sequence[Visit]) -> dict[date, str]:
    """Return the days within the course on which the whole clinic is closed, with the reason."""
    if not visits:
        return {}
    clinic = actor().clinic
    first, last = min(visit.start for visit in visits), max(visit.end for visit in visits)
    found = {}
    for closure in closures(db.session(), clinic.id, first, last):
        if closure.resource_id is None:
            on = closure.local_start.date()
            while on <= (closure.local_end - timedelta(minutes=1)).date():
                found[on] = closure.reason or closure.kind.value
                on += timedelta(days=1)
    return found


def _answer(
    patient: Patient,
    form: Fields,
    offers: Sequence[Offer] = (),
    plan: Plan | None = None,
    refusal: Refusal | None = None,
) -> str:
    if not is_partial():
        return _page(patient, form, offers, plan, refusal)
    return render_template(
        "booking/_proposals.html",
        patient=patient,
        values=form,
        offers=offers,
        plan=plan,
        refusal=refusal,
        pins=_pins(form),
        group=_group(),
    )


def _group() -> str:
    """Return a name for the offers of one answer, of which one is open at a time.

    Two answers may bear the same tokens; with the same name, those that come would find theirs open already and close.
    """
    return f"offers-{token_hex(4)}"


def _page(
    patient: Patient,
    form: Fields,
    offers: Sequence[Offer] = (),
    plan: Plan | None = None,
    refusal: Refusal | None = None,
) -> str:
    people = practitioners.active(db.session(), actor().clinic.id)
    therapists = [person for person in people if Role.THERAPIST in person.roles]
    known = definitions.all_current(db.session(), actor().clinic.id)
    return render_template(
        "booking/new.html",
        patient=patient,
        plan_choices=[(one.key, one.title) for one in known],
        therapist_choices=[("", "anyone")] + [(one.public_id, one.name) for one in therapists],
        values=form,
        today=_today(),
        offers=offers,
        plan=plan,
        refusal=refusal,
        pins=_pins(form),
        group=_group(),
    )


def _pins(form: Fields) -> list[wish_form.Pin]:
    try:
        return wish_form.pins(form)
    except Invalid:
        return []


def _today() -> date:
    return local_on(clock.now(), actor().clinic.zone)
