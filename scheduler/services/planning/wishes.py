"""What a patient wishes for a course, in rows and words: the planner's request with people instead of numbers.

`to_document` keeps it with the care plan, so that a later re-plan still knows the weekdays and the hours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from typing import Any

from sqlalchemy.orm import Session

from scheduler.domain.localtime import from_minute, to_minute
from scheduler.domain.planner.values import Done, Request
from scheduler.models.care_plan import CarePlan
from scheduler.models.patient import Patient
from scheduler.models.plan_definition import PlanDefinition
from scheduler.models.practitioner import Practitioner
from scheduler.models.site import Site
from scheduler.services.planning.visit_rows import site_of_course


@dataclass(frozen=True)
class CourseRequest:
    """Weekdays are ISO numbers; `earliest`, `latest` and `preferred` are wall-clock times; dates are clinic-local.

    `practitioners` are people to choose from where they have the role asked for. `pinned` holds starts to keep, by
    action; `done` what is over or stays where it is, of which `skipped` was never held. Actions that are `left_out`
    have no visit at all. `slack` gives an action another shortest and longest gap: a soft rule bent, which booking asks
    a reason for. With `dosing_only`, weekdays and times of day are asked of the visits that give the drug alone.
    All visits are at one `site`; None, which interfaces never ask for, is any.
    """

    patient: Patient
    plan_definition: PlanDefinition
    not_before: date
    weekdays: frozenset[int] = frozenset()
    earliest: time | None = None
    latest: time | None = None
    blocked_on: frozenset[date] = frozenset()
    practitioners: tuple[Practitioner, ...] = ()
    pinned: Mapping[str, datetime] = field(default_factory=dict)
    done: Mapping[str, Done] = field(default_factory=dict)
    preferred: time | None = None
    count: int = 3
    skipped: frozenset[str] = frozenset()
    left_out: frozenset[str] = frozenset()
    slack: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    dosing_only: bool = False
    site: Site | None = None

    def request(self) -> Request:
        """Return the planner's request."""
        return Request(
            plan=self.plan_definition.plan.without(self.left_out).at(
                self.site.resource_id if self.site else None
            ),
            not_before=self.not_before,
            weekdays=self.weekdays,
            earliest=self.earliest,
            latest=self.latest,
            blocked_on=self.blocked_on,
            practitioner_ids=frozenset(person.resource_id for person in self.practitioners),
            pinned=dict(self.pinned),
            done=dict(self.done),
            preferred=self.preferred,
            count=self.count,
            slack=dict(self.slack),
            dosing_only=self.dosing_only,
        )

    def to_document(self) -> dict[str, Any]:
        """Return the wishes as JSON, without patient and plan, which the care plan has."""
        return {
            "not_before": self.not_before.isoformat(),
            "weekdays": sorted(self.weekdays),
            "earliest": self.earliest.isoformat("minutes") if self.earliest else None,
            "latest": self.latest.isoformat("minutes") if self.latest else None,
            "blocked_on": sorted(day.isoformat() for day in self.blocked_on),
            "practitioners": [person.id for person in self.practitioners],
            "pinned": {action: to_minute(start) for action, start in sorted(self.pinned.items())},
            "done": {a: [to_minute(d.start), to_minute(d.end)] for a, d in sorted(self.done.items())},
            "preferred": self.preferred.isoformat("minutes") if self.preferred else None,
            "skipped": sorted(self.skipped),
            "slack": {action: list(gap) for action, gap in sorted(self.slack.items())},
            "dosing_only": self.dosing_only,
            "site": self.site.id if self.site else None,
        }


def from_document(
    session: Session, patient: Patient, definition: PlanDefinition, document: Mapping[str, Any]
) -> CourseRequest:
    """Return the wishes of a document; people who are gone are left out."""
    chosen = [session.get(Practitioner, id_) for id_ in sorted(document.get("practitioners", ()))]
    return CourseRequest(
        patient=patient,
        plan_definition=definition,
        not_before=date.fromisoformat(document["not_before"]),
        weekdays=frozenset(document.get("weekdays", ())),
        earliest=_time(document.get("earliest")),
        latest=_time(document.get("latest")),
        blocked_on=frozenset(map(date.fromisoformat, document.get("blocked_on", ()))),
        practitioners=tuple(one for one in chosen if one is not None and one.clinic_id == patient.clinic_id),
        pinned={action: from_minute(start) for action, start in document.get("pinned", {}).items()},
        done={
            action: Done(action, from_minute(start), from_minute(end))
            for action, (start, end) in document.get("done", {}).items()
        },
        preferred=_time(document.get("preferred")),
        skipped=frozenset(document.get("skipped", ())),
        slack={action: (least, most) for action, (least, most) in document.get("slack", {}).items()},
        dosing_only=document.get("dosing_only", False),
        site=session.get(Site, document["site"]) if document.get("site") else None,
    )


def of_care_plan(session: Session, care_plan: CarePlan) -> CourseRequest:
    """Return the wishes that a course was planned with; pins are not kept, they were for that proposal.

    What is planned now is planned where the course takes place now.
    """
    return replace(anywhere(session, care_plan), site=site_of_course(care_plan))


def anywhere(session: Session, care_plan: CarePlan) -> CourseRequest:
    """Return the same for any site: where the course takes place is read from all of its visits."""
    wishes = from_document(session, care_plan.patient, care_plan.plan_definition, care_plan.wishes)
    return replace(wishes, pinned={}, site=None)


def _time(text: str | None) -> time | None:
    return time.fromisoformat(text) if text else None
