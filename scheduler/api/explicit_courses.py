"""Courses that a program laid out itself: each visit with its start, and maybe its place and people.

What is not given is chosen: anyone who is free then. Whether the visits keep the plan's rules is booking's to check.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import Field
from sqlalchemy.orm import Session

from scheduler.api.fields import Body, Id, Instant
from scheduler.api.proposals import Key, ProposedVisit
from scheduler.domain.localtime import local_on
from scheduler.domain.planner.values import Placement
from scheduler.domain.plans import Action
from scheduler.errors import Invalid, NoFitFound, SlotTaken
from scheduler.models.location import Where
from scheduler.models.patient import Patient
from scheduler.models.plan_definition import PlanDefinition
from scheduler.services.actors import Actor
from scheduler.services.clinic import places, sites
from scheduler.services.planning import assignments
from scheduler.services.planning.placing import place
from scheduler.services.planning.wishes import CourseRequest


class VisitBody(Body):
    """An action of the plan and its start; place and people are chosen unless they are given.

    Without `location_id`, `site_id` says where. Without both it is at the site of the other visits, or of the last one.
    """

    action: Key
    start: Instant
    location_id: Id | None = None
    site_id: Id | None = None
    practitioner_ids: list[Id] = Field(default=[], max_length=20)


class CourseVisit(VisitBody, view=ProposedVisit):
    """A visit of a course, also as a proposal contains it."""


def placed(
    session: Session,
    actor: Actor,
    patient: Patient,
    definition: PlanDefinition,
    bodies: Sequence[VisitBody],
    now: datetime,
) -> tuple[CourseRequest, tuple[Placement, ...]]:
    """Return the course as booking takes it. Raises Invalid, NotFound, SlotTaken with every conflict, NoFitFound."""
    actions = _actions(definition, bodies)
    given = [where(session, actor, body.location_id, body.site_id) for body in bodies]
    usual = next((assignments.site_at(one) for one in given if one), None) or sites.usual(
        session, actor.clinic, patient
    )
    visits: list[Placement] = []
    conflicts: list[dict[str, object]] = []
    for number, (body, any_site, place_given) in enumerate(zip(bodies, actions, given, strict=True)):
        action = assignments.placed_at(any_site, place_given or usual)
        chosen = _chosen(session, actor, place_given, body.practitioner_ids)
        fields = tuple(f"appointments.{number}.{name}" for name in ("location_id", "practitioner_ids"))
        assignments.require_ids(session, actor.clinic.id, action, chosen, (fields[0], fields[1]))
        try:
            visits.append(place(session, actor, patient, action, body.start, now, chosen))
        except NoFitFound as refusal:
            conflicts.extend(_conflicts(refusal, action, body.start))
    if conflicts:
        raise SlotTaken(conflicts=conflicts)
    first_on = min(local_on(body.start, actor.clinic.zone) for body in bodies)
    wishes = CourseRequest(patient=patient, plan_definition=definition, not_before=first_on, site=usual)
    return wishes, tuple(visits)


def where(session: Session, actor: Actor, location_id: str | None, site_id: str | None) -> Where | None:
    """Return the place with this id, or the site. Raises NotFound."""
    if location_id is not None:
        return places.get_location(session, actor.clinic, location_id)
    return sites.get(session, actor.clinic, site_id) if site_id is not None else None


def _chosen(
    session: Session, actor: Actor, place_given: Where | None, practitioner_ids: Sequence[str]
) -> list[int]:
    """Return the resource ids of a place and people of the clinic. Raises NotFound."""
    people = [places.get_practitioner(session, actor.clinic, one).resource_id for one in practitioner_ids]
    place = assignments.one_place(place_given)
    return people if place is None else [place.resource_id, *people]


def _actions(definition: PlanDefinition, bodies: Sequence[VisitBody]) -> list[Action]:
    known = {action.key: action for action in definition.plan.firm}
    errors = [
        (f"appointments.{place}.action", f"the protocol has no visit {body.action} to book")
        for place, body in enumerate(bodies)
        if body.action not in known
    ]
    keys = [body.action for body in bodies]
    errors += [
        (f"appointments.{place}.action", f"{key} is given twice")
        for place, key in enumerate(keys)
        if key in keys[:place]
    ]
    if errors:
        raise Invalid(errors)
    return [known[key] for key in keys]


def _conflicts(refusal: NoFitFound, action: Action, start: datetime) -> list[dict[str, object]]:
    """Return what is in the way. Raises the refusal again when it is a rule and not a resource."""
    reasons = refusal.details.get("reasons", [])
    if not reasons or any(reason["resource"] is None for reason in reasons):
        raise refusal
    end = start + action.attended_length
    return [
        {
            "action": action.key,
            "resource": reason["resource"],
            "start": start,
            "end": end,
            "why": reason["why"],
        }
        for reason in reasons
    ]
