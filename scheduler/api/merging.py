"""Records of one person: which may be, and their merger."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from pydantic import Field

from scheduler import clock
from scheduler.api.fields import Body, Id, OverrideReason, View
from scheduler.api.operations import Answer, call
from scheduler.api.patients import PatientView
from scheduler.api.patients import view as patient_view
from scheduler.api.versions import check_match
from scheduler.database import db
from scheduler.http import access
from scheduler.services.actors import Actor
from scheduler.services.patient import duplicates, merging, patients

Value = str | bool | dict[str, Any] | None


class DuplicateList(View):
    """Records that may be the same person, the likeliest first."""

    items: list[PatientView]


class MergerBody(Body):
    """`other_id` is merged into the patient of the address. `fields` says which value is kept where they differ.

    With `preview` nothing is written. `other_version` refuses the merger (412) when the other record has changed since.
    """

    other_id: Id
    other_version: int | None = None
    fields: dict[str, Literal["keep", "other", "both"]] = Field(default={}, max_length=40)
    override_reason: OverrideReason = ""
    preview: bool = False


class DifferenceView(View):
    """A field in which the records differ, and which value is proposed."""

    field: str
    keep: Value
    other: Value
    proposed: str


class MergerView(View):
    """What a merger does. `overlaps` are visits of both at one time, which refuse it.

    `open_twice` are courses that both have open, which needs an `override_reason`.
    """

    patient_id: Id
    other_id: Id
    differences: list[DifferenceView]
    appointment_ids: list[Id]
    care_plan_ids: list[Id]
    messages: int
    overlaps: list[list[Id]]
    open_twice: list[Id]
    written: bool


@call("GET", "/patients/<patient_id>/duplicates", may="patients", gives=DuplicateList)
def list_duplicates(actor: Actor, patient_id: str) -> Answer:
    """List the records that may be the same person as this one."""
    patient = patients.get(db.session(), actor.clinic, patient_id)
    access.touch(patient)
    found = duplicates.of_patient(db.session(), actor.clinic, patient)
    return Answer(DuplicateList(items=[patient_view(one.second) for one in found]))


@call(
    "POST",
    "/patients/<patient_id>/merger",
    may="patients",
    body=MergerBody,
    gives=MergerView,
    refuses=(409,),
    versioned=True,
)
def merge_patient(actor: Actor, body: MergerBody, patient_id: str) -> Answer:
    """Merge another record into this one, or preview it. Its id leads to this one from then on; nothing undoes it."""
    session, now = db.session(), clock.now()
    keep = patients.get(session, actor.clinic, patient_id)
    other = patients.get(session, actor.clinic, body.other_id)
    check_match(keep)
    for one in (keep, other):
        access.touch(one)
    planned = merging.plan_merger(session, actor, keep, other)
    shown = MergerView(
        patient_id=keep.public_id,
        other_id=other.public_id,
        differences=[
            DifferenceView(
                field=one.field, keep=_value(one.keep), other=_value(one.other), proposed=one.proposed
            )
            for one in planned.differences
        ],
        appointment_ids=[one.public_id for one in planned.visits],
        care_plan_ids=[one.public_id for one in planned.courses],
        messages=planned.messages,
        overlaps=[[one.keep.public_id, one.other.public_id] for one in planned.clashes],
        open_twice=[one.public_id for one in planned.twice],
        written=not body.preview,
    )
    if not body.preview:
        versions = None if body.other_version is None else (keep.row_version, body.other_version)
        merging.merge(session, actor, keep, other, body.fields, now, versions, body.override_reason)
        session.flush()
    return Answer(shown, keep.row_version)


def _value(shown: Any) -> Value:
    return shown.isoformat() if isinstance(shown, date) else shown
