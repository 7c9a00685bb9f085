"""What the planner finds for the booking page: offers on a small calendar, or a refusal with what would make room.

Where the best is not proven, a worker is asked to go on; the page looks for what it has found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

from flask import current_app, url_for

from scheduler import clock
from scheduler.database import db
from scheduler.domain.localtime import local_on
from scheduler.domain.month import CalendarDay, weeks
from scheduler.domain.planner.values import Placement, Proposal, ProposalKind
from scheduler.domain.plans import Plan
from scheduler.domain.text import visits_and_calls
from scheduler.errors import Invalid, NoFitFound, NotFound, Refusal
from scheduler.http import signing
from scheduler.models.job import Job
from scheduler.models.patient import Patient
from scheduler.services.clinic import resources
from scheduler.services.planning import improving_jobs, proposals, spacing_exceptions, unkept
from scheduler.services.planning.earlier import longer_gap
from scheduler.services.planning.proposal_tokens import sign
from scheduler.services.planning.spacing_exceptions import NamedException
from scheduler.services.planning.wishes import CourseRequest
from scheduler.transactions import write_now
from scheduler.web import wish_form
from scheduler.web.current import actor
from scheduler.web.wish_form import Fields

# What a desk reads of a proposal's terms; the others are about the clinic's use of its time, for programs.
DESK_TERMS = (
    "moves",
    "completion",
    "first",
    "gaps",
    "rhythm",
    "preferred",
    "weekdays",
    "therapist",
    "handovers",
)
KINDS = {
    ProposalKind.SOONEST: "Ends soonest",
    ProposalKind.FIRST_VISIT: "Earliest first visit",
    ProposalKind.ONE_TIME: "One time of day",
    ProposalKind.FEWEST_TRIPS: "Fewest trips",
    ProposalKind.WEEKDAYS: "Other weekdays",
    ProposalKind.HALF_DAY: "Other half of the day",
    ProposalKind.LATER: "Starts later",
}
MOST_BESIDE = 2  # other courses beside the better one that a worker has found


@dataclass(frozen=True)
class Therapist:
    """Another therapist for a proposal; `where` asks for it, at the same times if he or she is free at all of them."""

    name: str
    words: str
    where: str


@dataclass(frozen=True)
class ShownProposal:
    """A proposal as the page shows it. `closed` are the days within it on which the clinic is closed, and why.

    `own` is the course's therapist, where there is a choice, and `therapists` are the others. `unkept` are the
    preferences that it does not keep, each with the addresses that ask for what would keep it.
    """

    proposal: Proposal
    token: str
    weeks: list[list[CalendarDay[Placement]]]
    names: dict[int, str]
    closed: Mapping[date, str]
    count: str
    unkept: Sequence[tuple[unkept.Unkept, list[tuple[str, str]]]] = ()
    own: str = ""
    therapists: Sequence[Therapist] = ()

    @property
    def kind(self) -> str:
        """Return in what an alternative differs; nothing for the best."""
        return KINDS.get(self.proposal.kind, "")

    @property
    def terms(self) -> list[str]:
        """Return what the desk reads of the proposal, without what is among the preferences that are not kept."""
        said = {one.term for one, _ in self.unkept}
        return [
            term.words[:1].upper() + term.words[1:]
            for term in self.proposal.terms
            if term.words and term.key in DESK_TERMS and term.key not in said
        ]


@dataclass(frozen=True)
class Found:
    """What the planner said: offers, or a refusal with links to what would make room; and what came before.

    `exceptions` would let the first offer end much earlier, each with the address that asks for it. `job` looks for a
    better course, or has; `better` tells that the first offer is what it found.
    """

    offers: Sequence[ShownProposal] = ()
    wishes: CourseRequest | None = None
    refusal: Refusal | None = None
    helps: Sequence[tuple[str, str]] = ()
    job: Job | None = None
    better: bool = False
    exceptions: Sequence[tuple[NamedException, str]] = ()

    @property
    def plan(self) -> Plan | None:
        return self.wishes.plan_definition.plan if self.wishes else None


NOTHING = Found()


def find(patient: Patient, form: Fields) -> Found:
    """Ask the planner what the form asks, and a worker to go on where it cannot say that it is the best."""
    now = clock.now()
    wishes = None
    goes_on = partial(improving_jobs.can_go_on, db.session(), now)
    try:
        wishes = wish_form.read(db.session(), actor(), patient, form, now)
        job, better = _improvement(form, wishes)
        found = proposals.propose(
            db.session(), actor(), wishes, now, at_once=(lambda: True) if job else goes_on
        )
        offers = _offers(wishes, [better, *found[:MOST_BESIDE]] if better else found, form)
        if job is None and not found[0].proven and goes_on():
            job = _improve(wishes, found[0])
        late = [] if better else spacing_exceptions.named(db.session(), actor().clinic, found[0])
        exceptions = [(one, asking_again(form, {"slack": one.wishes(wishes).slack})) for one in late]
        return Found(offers, wishes, job=job, better=better is not None, exceptions=exceptions)
    except NoFitFound as refusal:
        if wishes is None or refusal.details["proven"]:
            return Found((), wishes, refusal, _helps(wishes, refusal, form))
        if better:
            return Found(_offers(wishes, [better], form), wishes, job=job, better=True)
        if job is None and goes_on():
            job = _improve(wishes, None)
        return Found((), wishes, refusal, job=job)
    except Invalid as refusal:
        return Found((), wishes, refusal, _helps(wishes, refusal, form))


def counted(plan: Plan, visits: Sequence[Placement]) -> str:
    """Return how many visits and calls these are, as the patient's page and mails count them."""
    visible = sum(plan.action(visit.action).visible for visit in visits)
    return visits_and_calls(visible, len(visits) - visible)


def _improvement(form: Fields, wishes: CourseRequest) -> tuple[Job | None, Proposal | None]:
    """Return the job that the form names, if it has ended, and the better course that it has found for these wishes.

    Neither where that course has no place any more: then the search begins again.
    """
    try:
        job = improving_jobs.get(db.session(), actor(), form.get("improvement", ""))
    except NotFound:  # forgotten, or none is named
        return None, None
    if improving_jobs.is_open(job):
        return None, None  # asked again, the same job is found again
    if not improving_jobs.is_better(job):
        return job, None
    found = improving_jobs.offered(db.session(), actor(), job, clock.now())
    if found is None or found[0].to_document() != wishes.to_document():
        return None, None
    return job, found[1]


def _improve(wishes: CourseRequest, best: Proposal | None) -> Job | None:
    """Put the search for a better course in line. Objects read before are read again after this."""
    seconds = current_app.config["SETTINGS"].solver_seconds
    write_now()
    job = improving_jobs.ask(db.session(), actor(), wishes, best, seconds, clock.now())
    db.session.commit()
    return job


def _offers(wishes: CourseRequest, found: Sequence[Proposal], form: Fields) -> list[ShownProposal]:
    now = clock.now()
    ids = {s.resource_id for proposal in found for visit in proposal.visits for s in visit.segments}
    ids |= {choice.resource_id for proposal in found for choice in proposal.therapists}
    names = resources.names(db.session(), actor().clinic.id, ids)
    clinic, closed = actor().clinic, _closed([visit for one in found for visit in one.visits])
    return [
        ShownProposal(
            proposal,
            sign(proposal, wishes, actor(), signing.keys(), now),
            weeks(proposal.visits, lambda visit: visit.start, clinic.zone, clinic.formats, closed),
            names,
            _within(proposal, closed),
            counted(wishes.plan_definition.plan, proposal.visits),
            [
                (one, [(change.words, asking_again(form, change.fields)) for change in one.changes])
                for one in unkept.unkept(db.session(), actor(), wishes, proposal)
            ],
            next((names[one.resource_id] for one in proposal.therapists if one.chosen), ""),
            _therapists(proposal, names, form),
        )
        for proposal in found
    ]


def _helps(wishes: CourseRequest | None, refusal: Refusal, form: Fields) -> list[tuple[str, str]]:
    """Return what would make room: words, and the address that asks again with it (none: not for this page)."""
    offered = list(refusal.details.get("suggestions", ()))
    if wishes is not None and wishes.done and isinstance(refusal, NoFitFound):
        longer = longer_gap(db.session(), actor(), wishes, clock.now())
        if longer is not None:
            offered.append({"text": longer.text, "request": longer.request})
    return [(one["text"], asking_again(form, one["request"])) for one in offered]


def asking_again(form: Fields, change: Mapping[str, Any]) -> str:
    """Return the address of the booking page with the form's fields, changed; nothing for no change."""
    if not change:
        return ""
    values = wish_form.changed(form, change)
    return url_for("booking.new", **values.to_dict(flat=False))  # type: ignore[arg-type]  # lists are repeated


def _within(proposal: Proposal, closed: Mapping[date, str]) -> dict[date, str]:
    zone = actor().clinic.zone
    first, last = (local_on(visit.start, zone) for visit in (proposal.visits[0], proposal.visits[-1]))
    return {on: why for on, why in sorted(closed.items()) if first <= on <= last}


def _closed(visits: Sequence[Placement]) -> Mapping[date, str]:
    """Return the days within the courses on which the whole clinic is closed, with the reason."""
    clinic = actor().clinic
    days = [local_on(moment, clinic.zone) for visit in visits for moment in (visit.start, visit.end)]
    return spacing_exceptions.closed_days(db.session(), clinic, days)


def _therapists(proposal: Proposal, names: Mapping[int, str], form: Fields) -> list[Therapist]:
    others = [one for one in proposal.therapists if not one.chosen]
    public = resources.public_ids(db.session(), actor().clinic.id, [one.resource_id for one in others])
    found = []
    for one in others:
        values = wish_form.changed(form, {})
        values.setlist("practitioner", [public[one.resource_id]])
        words = f"{one.sessions} of {one.of} sessions at these times"
        if one.sessions == one.of:
            words = "all sessions at these times"
            values.setlist("pinned", [wish_form.pin_text(visit) for visit in proposal.visits])
        where = url_for("booking.new", **values.to_dict(flat=False))  # type: ignore[arg-type]  # lists repeat
        found.append(Therapist(names[one.resource_id], words, where))
    return found
