"""Booking a course on one page: who, which protocol, when, what came before; proposals; one button."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from secrets import token_hex
from typing import Any

from flask import Blueprint, flash, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.database import db
from scheduler.domain.localtime import local_on, to_local
from scheduler.domain.planner.values import Placement
from scheduler.domain.plans import Action, Role
from scheduler.errors import Invalid, NotFound, ProposalExpired, Refusal, RuleBroken, SlotTaken
from scheduler.http import signing
from scheduler.models import care_plan as care_plans
from scheduler.models import plan_definition as definitions
from scheduler.models import practitioner as practitioners
from scheduler.models.care_plan import last_booked_plan
from scheduler.models.patient import Patient
from scheduler.models.task import TaskKind
from scheduler.services.clinic import sites
from scheduler.services.course import booking, unbooking
from scheduler.services.patient import patients
from scheduler.services.patient.patient_search import look_up
from scheduler.services.planning import course_rules, improving_jobs, proposals, unkept
from scheduler.services.planning.earlier import LastVisitMissing
from scheduler.services.planning.proposal_tokens import unsign
from scheduler.services.task import emailed_proposals, tasks
from scheduler.services.task.emailed_proposals import EmailedVisit
from scheduler.services.visit import judge
from scheduler.transactions import only_reads, reads_first
from scheduler.web import offers, wish_form
from scheduler.web.current import actor
from scheduler.web.earlier_form import EarlierForm, earlier_form
from scheduler.web.local import iso_time, local_time, read_date
from scheduler.web.offers import NOTHING, Found, asking_again, find
from scheduler.web.refusals import is_partial
from scheduler.web.shell import may, site_choices
from scheduler.web.wish_form import Fields

bp = Blueprint("booking", __name__)


@bp.route("/care-plans/new", methods=["GET", "POST"])
@may("book")
@only_reads
def new() -> str:
    """The form for a patient, or the search for one, by POST so that what was typed is in no address."""
    public_id = request.args.get("patient", "")
    if not public_id:
        text = request.form.get("search", "").strip()
        found = look_up(db.session(), actor().clinic, text, clock.now(), 12)
        return render_template("booking/who.html", found=found, search=text)
    patient = patients.get(db.session(), actor().clinic, public_id)
    if "not_before" in request.args:  # a suggestion that was taken
        return _page(patient, wish_form.changed(request.args, {}), NOTHING)
    asked = request.args.get("plan_definition") or last_booked_plan(db.session(), actor().clinic.id)
    return _page(patient, wish_form.start_values(patient, asked, _today()), NOTHING)


@bp.post("/care-plans/proposals")
@may("book")
@reads_first
def propose() -> str | tuple[str, int]:
    patient = patients.get(db.session(), actor().clinic, request.form.get("patient", ""))
    found = find(patient, request.form)
    page = _answer(patient, request.form, found)
    return (page, found.refusal.status) if found.refusal else page


@bp.get("/care-plans/improvements/<job_id>")
@may("book")
def improvement(job_id: str) -> tuple[str, int]:
    """What the search for a better course has come to: looked at by the page itself. Nothing while it goes on."""
    job = improving_jobs.get(db.session(), actor(), job_id)
    if improving_jobs.is_open(job):
        return "", 204
    return render_template("booking/_improvement.html", job=job), 200


@bp.post("/care-plans/late-start")
@may("book")
@only_reads
def explain_late_start() -> str:
    """What would let the best course start earlier: asked by the page once the proposals are there."""
    form = request.form
    patient = patients.get(db.session(), actor().clinic, form.get("patient", ""))
    wishes = wish_form.read(db.session(), actor(), patient, form, clock.now())
    starts_on = read_date("starts_on", form.get("starts_on", ""))
    late = unkept.late_start(db.session(), actor(), wishes, starts_on, clock.now())
    ways = [(one, asking_again(form, one.change.fields)) for one in late.earlier] if late else []
    return render_template("booking/_late_start.html", late=late, ways=ways, wishes=wishes)


@bp.post("/care-plans/starts")
@may("book")
@only_reads
def starts() -> Response:
    """Where one visit may go with the rest of the course around it, for a drag or the arrows.

    `starts` are local times by day, `labels` how each of these times is shown, and `days` each day between them.
    """
    form, action = request.form, request.form.get("action", "")
    patient = patients.get(db.session(), actor().clinic, form.get("patient", ""))
    wishes = wish_form.read(db.session(), actor(), patient, _without_pin(form, action), clock.now())
    found: dict[str, list[str]] = {}
    labels: dict[str, str] = {}
    for start in proposals.slot_map(db.session(), actor(), wishes, clock.now()).get(action, ()):
        local = to_local(start, actor().clinic.zone)
        at = iso_time(local.time())
        found.setdefault(local.date().isoformat(), []).append(at)
        labels[at] = local_time(local.time())
    return jsonify(starts=found, labels=labels, days=_day_labels([date.fromisoformat(on) for on in found]))


def _day_labels(days: Sequence[date]) -> dict[str, str]:
    """Return what each day from the first to the last is called, and the day before and after them."""
    if not days:
        return {}
    first = min(days) - timedelta(days=1)
    between = [first + timedelta(days=n) for n in range((max(days) - first).days + 2)]
    return {on.isoformat(): actor().clinic.formats.day(on) for on in between}


@bp.post("/care-plans")
@may("book")
def book() -> str | tuple[str, int] | Response:
    keys, now, form = signing.keys(), clock.now(), request.form
    try:
        held = unsign(db.session(), actor(), form.get("token", ""), keys, now)
        reserve = actor().clinic.settings.reservation_minutes if "reserve" in form else None
        course = booking.book_course(
            db.session(),
            actor(),
            held.wishes,
            held.visits,
            held.projections,
            now,
            override_reason=form.get("override_reason", "").strip()[:300],
            reserve_minutes=reserve,
        )
    except (SlotTaken, RuleBroken, ProposalExpired, Invalid) as refusal:
        db.session.rollback()
        return _again(refusal)
    db.session.commit()
    counted = offers.counted(held.wishes.plan_definition.plan, held.visits)
    words = f"{'Held' if reserve else 'Booked'}: {counted} for {course.patient.name}."
    undo_at = url_for(".take_back", care_plan_id=course.public_id)
    flash((words, undo_at))  # type: ignore[arg-type]  # any JSON value is kept
    return redirect(url_for("care_plans.show", care_plan_id=course.public_id), 303)


@bp.post("/care-plans/proposals/email")
@may("book")
def email() -> Response:
    """Email a proposal to its patient, who answers on the private page; nothing of it is booked or held."""
    now = clock.now()
    held = unsign(db.session(), actor(), request.form.get("token", ""), signing.keys(), now)
    wishes = held.wishes
    plan, form = wishes.plan_definition.plan, wish_form.changed(request.form, {})
    form.setlist("pinned", [wish_form.pin_text(one) for one in held.visits])
    path = url_for(".new", **form.to_dict(flat=False))  # type: ignore[arg-type]  # lists are repeated
    visits = [_proposed(plan.action(one.action), one) for one in held.visits]
    emailed_proposals.email(db.session(), actor(), wishes.patient, visits, path, now, site=wishes.site)
    db.session.commit()
    flash(f"Emailed to {wishes.patient.name}. These times are not held. The answer appears under To do.")
    return redirect(url_for("patients.show", patient_id=wishes.patient.public_id), 303)


@bp.post("/care-plans/proposals/answers/<task_id>")
@may("book")
def close_answer(task_id: str) -> Response:
    """Take the answer to an emailed proposal off the list. A booked course does so itself."""
    task = tasks.find(db.session(), actor(), task_id)
    if task.kind is not TaskKind.PROPOSAL:
        raise NotFound
    tasks.complete(db.session(), actor(), task, "Handled", clock.now())
    db.session.commit()
    flash("Done.")
    return redirect(url_for("tasks.index"), 303)


def _proposed(action: Action, visit: Placement) -> EmailedVisit:
    named = (action.title, action.position, action.series_length, action.visible)
    return EmailedVisit(visit.start, visit.attended_end, *named)


@bp.post("/care-plans/<care_plan_id>/undo")
@may("book")
def take_back(care_plan_id: str) -> Response:
    """Take the booking back, from the toast that says it was made."""
    course = care_plans.by_public_id(db.session(), actor().clinic.id, care_plan_id)
    if course is None:
        raise NotFound
    unbooking.unbook(db.session(), actor(), course, clock.now())
    db.session.commit()
    flash(f"Booking undone for {course.patient.name}.")
    return redirect(url_for(".new", patient=course.patient.public_id), 303)


def _again(refusal: Refusal) -> tuple[str, int]:
    """Return the page with what went wrong and, where there is any, what fits now."""
    patient = patients.get(db.session(), actor().clinic, request.form.get("patient", ""))
    found = find(patient, request.form)
    return _page(patient, request.form, Found(found.offers, found.wishes, refusal)), refusal.status


def _without_pin(form: Fields, action: str) -> Fields:
    values = form.copy()
    values.setlist("unpin", [*form.getlist("unpin"), action])
    return values


def _answer(patient: Patient, form: Fields, found: Found) -> str:
    if not is_partial():
        return _page(patient, form, found)
    return render_template("booking/_answer.html", **_shown(patient, form, found))


def _page(patient: Patient, form: Fields, found: Found) -> str:
    people = practitioners.active(db.session(), actor().clinic.id)
    therapists = [person for person in people if Role.THERAPIST in person.roles]
    known = definitions.all_current(db.session(), actor().clinic.id)
    return render_template(
        "booking/new.html",
        standing=care_plans.standing(db.session(), patient),
        plan_choices=[(one.key, one.title) for one in known],
        therapist_choices=[("", "anyone")] + [(one.public_id, one.name) for one in therapists],
        site_options=[(one.public_id, one.name) for one in site_choices()],
        usual_site=sites.usual(db.session(), actor().clinic, patient).public_id if site_choices() else "",
        **_shown(patient, form, found),
    )


def _shown(patient: Patient, form: Fields, found: Found) -> dict[str, Any]:
    """Return what the page and its part with the proposals both show."""
    refusal = found.refusal
    errors = refusal.details.get("errors", []) if refusal else []
    bends = _read(wish_form.bends, form)
    second = course_rules.second_courses(db.session(), patient, found.plan) if found.plan else []
    return {
        "patient": patient,
        "values": form,
        "away": wish_form.away_rows(form),
        "today": _today(),
        "found": found,
        "offers": found.offers,
        "plan": found.plan,
        "refusal": refusal,
        "errors": {error["field"]: error["reason"] for error in errors},
        "asks_last_visit": isinstance(refusal, LastVisitMissing),
        "pins": _read(wish_form.pins, form),
        "bends": bends,
        "second_courses": second,
        "too_close": _too_close(patient, found) if second else [],
        "needs_override": bool(bends or second),
        "earlier": _earlier(form),
        "group": _group(),
        "may_email": emailed_proposals.may_be_emailed(patient),
    }


def _too_close(patient: Patient, found: Found) -> list[list[str]]:
    """Return of each offer, in words, which visits are too close to what the patient has booked already."""
    plan = found.plan
    if plan is None:
        return []
    now = clock.now()
    return [
        [
            one.words
            for one in judge.too_close_to_booked(
                db.session(), actor(), patient, plan, offer.proposal.visits, now
            )
        ]
        for offer in found.offers
    ]


def _earlier(form: Fields) -> EarlierForm | None:
    """Return what the form asks about earlier visits; nothing while there is no protocol."""
    known = {one.key: one for one in definitions.all_current(db.session(), actor().clinic.id)}
    definition = known.get(form.get("plan_definition", "")) or next(iter(known.values()), None)
    return earlier_form(form, definition.plan) if definition else None


def _read(reader: Any, form: Fields) -> list[Any]:
    try:
        return list(reader(form))
    except Invalid:
        return []


def _group() -> str:
    """Return a name for the offers of one answer, of which one is open at a time.

    Two answers may bear the same tokens; with the same name, those that come would find theirs open already and close.
    """
    return f"offers-{token_hex(4)}"


def _today() -> date:
    return local_on(clock.now(), actor().clinic.zone)
