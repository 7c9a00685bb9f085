"""What an appointment looks like to a program."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import WithJsonSchema

from scheduler.api.fields import At, Id, View, at
from scheduler.api.withheld import Details, withhold
from scheduler.domain.status import AppointmentStatus
from scheduler.http import access
from scheduler.models.appointment import Appointment
from scheduler.services.visit.requirements import open_requirements

Status = Annotated[AppointmentStatus, WithJsonSchema({"type": "string", "enum": list(AppointmentStatus)})]


class OpenRequirementView(View):
    """A requirement that is not settled for this visit, and why."""

    key: str
    title: str
    why: str


class AppointmentView(View):
    """`end` is when the patient may leave; `tentative` while a requirement is open or the date is only proposed.

    `sequence` counts what calendars show, `version` every edit (the ETag). `stage` says where a checked-in patient is.
    `course_effect` says of a canceled or missed visit whether it is to be made up for or skipped. `imported_at` is when
    a past visit was entered from a file: it was not checked in here. `withheld` names the fields that are empty because
    the caller's role does not see them.
    """

    id: Id
    patient_id: Id
    care_plan_id: Id | None
    action: str
    kind: str
    title: str
    series: str | None
    position: int | None
    series_length: int | None
    status: Status
    tentative: bool
    stage: str | None
    response: Literal["needs-action", "accepted", "declined"]
    start: At
    end: At
    zone: str
    location_id: Id | None
    practitioner_ids: list[Id]
    phases: list[dict[str, Any]]
    open_requirements: list[OpenRequirementView]
    book_by: str | None
    imported_at: At | None
    expires_at: At | None
    cancelled_at: At | None
    cancel_side: str | None
    course_effect: Literal["make_up", "skip"] | None
    reason: str
    uid: str
    sequence: int
    version: int
    withheld: list[str]


DETAILS: Details = {"reasons": {"reason": ""}}


class AppointmentPage(View):
    items: list[AppointmentView]
    next_cursor: str | None


def view(visit: Appointment) -> AppointmentView:
    """Return an appointment as the API shows one."""
    access.touch(visit)
    shown = AppointmentView(
        id=visit.public_id,
        patient_id=visit.patient.public_id,
        care_plan_id=visit.care_plan.public_id if visit.care_plan else None,
        action=visit.action,
        kind=visit.kind,
        title=visit.title,
        series=visit.series,
        position=visit.position,
        series_length=visit.series_length,
        status=visit.status,
        tentative=visit.status.is_tentative,
        stage=visit.stage.value if visit.stage else None,
        response=visit.response.value,
        start=at(visit.start_at),
        end=at(visit.end_at),
        zone=visit.zone_name,
        location_id=visit.location.public_id if visit.location else None,
        practitioner_ids=[person.public_id for person in visit.practitioners],
        phases=list(visit.phases),
        open_requirements=[
            OpenRequirementView(key=requirement.key, title=requirement.title, why=requirement.why)
            for requirement in _open_requirements(visit)
        ],
        book_by=visit.book_by_on.isoformat() if visit.book_by_on else None,
        imported_at=at(visit.imported_at) if visit.imported_at else None,
        expires_at=at(visit.expires_at) if visit.expires_at else None,
        cancelled_at=at(visit.cancelled_at) if visit.cancelled_at else None,
        cancel_side=visit.cancel_side,
        course_effect=visit.course_effect.value if visit.course_effect else None,
        reason=visit.status_reason,
        uid=visit.uid,
        sequence=visit.sequence,
        version=visit.row_version,
        withheld=[],
    )
    return withhold(shown, DETAILS)


def _open_requirements(visit: Appointment) -> list[Any]:
    return open_requirements(visit) if visit.status.is_ahead or visit.status.is_live else []
