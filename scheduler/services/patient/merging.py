"""Two records of one person become one: visits, courses, mails and calendar addresses go to the record that is kept.

Nothing is booked or moved, and no mail is written. Private links and calendar links of both records end, because they
may have gone to an address that is not kept; mails that wait go to the kept record's address, with a link that opens.
The other row stays, and points to the kept one, so its former id leads there. There is no way back, so everything is
shown first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session, aliased

from scheduler.errors import Invalid, RuleBroken, WrongStatus
from scheduler.models import appointment as appointments
from scheduler.models import care_plan as care_plans
from scheduler.models.address_change import AddressChange
from scheduler.models.allocation import Allocation
from scheduler.models.appointment import Appointment
from scheduler.models.calendar_feed import CalendarFeed
from scheduler.models.care_plan import CarePlan
from scheduler.models.incoming_mail import IncomingMail
from scheduler.models.message import Message, MessageState
from scheduler.models.patient import Patient
from scheduler.models.patient_note import PatientNote
from scheduler.models.task import Task
from scheduler.models.versions import overtake, raise_versions
from scheduler.models.waitlist import WaitlistEntry
from scheduler.services import private_links
from scheduler.services.account.overrides import may_override
from scheduler.services.actors import Actor
from scheduler.services.feed import feeds
from scheduler.services.history import relabelled
from scheduler.services.locks import lock_resources
from scheduler.services.mail import reminders
from scheduler.services.patient.patients import CALLED_BY, former_keys, renew_search_key, shown_in
from scheduler.services.planning.course_rules import open_dosing_courses
from scheduler.services.row_versions import check_version
from scheduler.services.trail import audit
from scheduler.services.visit import allocation
from scheduler.services.visit.changes import changing, release_expired

WAITING = (MessageState.PENDING, MessageState.LEASED)
KEEP, OTHER, BOTH = "keep", "other", "both"
LONGEST_NOTE = 300
FIELDS: dict[str, tuple[str, ...]] = {  # what is chosen, and what goes with it
    "given_name": (),
    "family_name": (),
    "preferred_name": (),
    "pronunciation": (),
    "birth_date": (),
    "phone": (),
    "email": ("email_bad_at",),
    "email_ok": ("email_ok_at", "email_ok_wording"),
    "language": (),
    "interpreter": (),
    "wheelchair": (),
    "alert_note": (),
    "proxy_name": ("proxy_email",),
    "preferences": (),
    "pronouns": (),
    "sex": (),
    "address_line": ("city", "state", "postal_code"),
    "emergency_name": ("emergency_relation", "emergency_phone"),
    "mrn": (),
    "insurance_payer": ("insurance_member_id",),
    "deceased_on": (),
    "active": (),
}


@dataclass(frozen=True)
class Difference:
    """A field in which the two differ, and which of the two is proposed. `both` is the two notes in one, if it fits."""

    field: str
    keep: Any
    other: Any
    proposed: str
    both: str = ""


@dataclass(frozen=True)
class AppointmentOverlap:
    """Two visits at the same time, one of each record."""

    keep: Appointment
    other: Appointment


@dataclass(frozen=True)
class Merger:
    """What a merger would do: which fields must be chosen, what moves too, and what prevents it.

    `messages` counts the other's mails, `waiting` those that have not left. `twice` are courses that both have open.
    """

    keep: Patient
    other: Patient
    differences: Sequence[Difference]
    visits: Sequence[Appointment]
    courses: Sequence[CarePlan]
    messages: int
    waiting: int
    feeds: Sequence[CalendarFeed]
    clashes: Sequence[AppointmentOverlap]
    twice: Sequence[CarePlan]


def plan_merger(session: Session, actor: Actor, keep: Patient, other: Patient) -> Merger:
    """Return what merging would do; nothing is written. Raises WrongStatus for one record, or one that is gone."""
    if keep.id == other.id:
        raise WrongStatus("Both are the same record")
    if any(one.merged_into_id is not None or one.erased_at is not None for one in (keep, other)):
        raise WrongStatus("One of the records no longer exists")
    return Merger(
        keep,
        other,
        _differences(keep, other),
        appointments.of_patient(session, other),
        care_plans.of_patient(session, other),
        _mails(session, other),
        _mails(session, other, Message.state.in_(WAITING)),
        feeds.of_resource(session, actor.clinic.id, other.resource_id),
        _clashes(session, keep, other),
        _twice(session, keep, other),
    )


def merge(
    session: Session,
    actor: Actor,
    keep: Patient,
    other: Patient,
    chosen: Mapping[str, str],
    now: datetime,
    versions: tuple[int, int] | None = None,
    reason: str = "",
) -> Patient:
    """Merge the other record into the one to keep; `chosen` says keep, other or both for fields that differ.

    `versions` are the row versions that were shown. Raises Stale, Invalid for a bad choice, WrongStatus when the two
    were in two places at once, RuleBroken when both have the same course open and no reason (of a role that may
    override) says that both go on.
    """
    if versions is not None:
        check_version(session, keep, versions[0])
        check_version(session, other, versions[1])
    lock_resources(session, {keep.resource_id, other.resource_id})  # all days of both
    release_expired(session, actor.clinic, now)
    planned = plan_merger(session, actor, keep, other)
    _require_one_place(planned)
    _require_one_course(actor, planned, reason)
    shown = shown_in(session, keep) | shown_in(session, other)
    changed = _choose(planned, chosen)
    _move(session, actor, planned, now, reason)
    keep.link_epoch = max(keep.link_epoch, other.link_epoch)
    private_links.end_all(session, actor, keep, now)
    other.merged_into_id = keep.id
    session.execute(
        update(Patient)
        .where(Patient.clinic_id == keep.clinic_id, Patient.merged_into_id == other.id)
        .values(merged_into_id=keep.id)
    )
    renew_search_key(keep, former_keys(session, keep))
    keep.row_version += 1
    other.row_version += 1
    ahead = [one for one in appointments.of_patient(session, keep) if one.start_at > now]
    reminders.plan_for(session, actor.clinic, ahead, now)
    audit.record(session, actor, "patient.merged", keep, now, changed, reason)
    audit.record(session, actor, "patient.merged-away", other, now, reason=reason)
    _relabel(session, planned, changed, now)
    raise_versions(session, actor.clinic.id, shown, now)
    overtake(session, actor.clinic.id, keep.resource_id, other.resource_id)
    return keep


def _differences(keep: Patient, other: Patient) -> list[Difference]:
    return [
        _difference(field, getattr(keep, field), getattr(other, field))
        for field in FIELDS
        if _shown(keep, field) != _shown(other, field)
    ]


def _shown(patient: Patient, field: str) -> list[Any]:
    """Return what a person sees of a field: for a person who is notified as well, the address too."""
    return [getattr(patient, name) for name in (field, *FIELDS[field]) if name in (field, "proxy_email")]


def _difference(field: str, kept: Any, others: Any) -> Difference:
    if field == "alert_note" and kept and others:
        both = f"{kept}; {others}"
        if len(both) <= LONGEST_NOTE:
            return Difference(field, kept, others, BOTH, both)
    if field == "email_ok":  # the careful one: a permission can be asked for again, a leak cannot be undone
        return Difference(field, kept, others, OTHER if kept else KEEP)
    return Difference(field, kept, others, KEEP if kept else OTHER)


def _choose(planned: Merger, chosen: Mapping[str, str]) -> list[str]:
    """Give the kept record what was chosen; return the fields that changed."""
    wrong = []
    changed = []
    for one in planned.differences:
        choice = chosen.get(one.field, one.proposed)
        if choice not in (KEEP, OTHER, *((BOTH,) if one.both else ())):
            wrong.append((one.field, "must be one of the two"))
        elif choice == BOTH:
            setattr(planned.keep, one.field, one.both)
            changed.append(one.field)
        elif choice == OTHER:
            for name in (one.field, *FIELDS[one.field]):
                setattr(planned.keep, name, getattr(planned.other, name))
                changed.append(name)
    if wrong:
        raise Invalid(wrong)
    opted_out = [one.unsubscribed_at for one in (planned.keep, planned.other) if one.unsubscribed_at]
    if opted_out:  # who wants no reminders wants none from either record
        planned.keep.unsubscribed_at = min(opted_out)
    return changed


def _move(session: Session, actor: Actor, planned: Merger, now: datetime, override_reason: str) -> None:
    keep, other = planned.keep, planned.other
    with changing(session, actor, now, planned.visits, override_reason=override_reason) as change:
        for visit in planned.visits:
            change.note(visit, "merge", audit=None)
            visit.patient = keep
    for course in planned.courses:
        course.patient = keep
        course.row_version += 1
        both = ["override:one-course"] if course in planned.twice else []
        audit.record(
            session,
            actor,
            "care-plan.merged",
            course,
            now,
            ["patient", *both],
            override_reason if both else "",
        )
    for model in (Message, IncomingMail, Task, AddressChange, PatientNote, WaitlistEntry):
        session.execute(
            update(model)
            .where(model.clinic_id == keep.clinic_id, model.patient_id == other.id)
            .values(patient_id=keep.id)
            .execution_options(synchronize_session="fetch")
        )
    session.execute(
        update(CalendarFeed)
        .where(CalendarFeed.clinic_id == keep.clinic_id, CalendarFeed.resource_id == other.resource_id)
        .values(resource_id=keep.resource_id)
        .execution_options(synchronize_session="fetch")
    )
    allocation.hand_over(session, other.resource_id, keep.resource_id, now)


def _relabel(session: Session, planned: Merger, changed: Sequence[str], now: datetime) -> None:
    """Let calendars that name a visit by initials notice when the kept record has another name now."""
    session.flush()
    if CALLED_BY & set(changed):
        relabelled(session, planned.keep.clinic_id, Appointment.patient_id == planned.keep.id, now)


def _mails(session: Session, patient: Patient, *narrowed: ColumnElement[bool]) -> int:
    query = select(func.count()).where(
        Message.clinic_id == patient.clinic_id, Message.patient_id == patient.id, *narrowed
    )
    return session.scalar(query) or 0


def _clashes(session: Session, keep: Patient, other: Patient) -> list[AppointmentOverlap]:
    """Return the visits, past or to come, in which the one patient would be in two places."""
    mine, theirs = aliased(Allocation), aliased(Allocation)
    first, second = aliased(Appointment), aliased(Appointment)
    query = (
        select(first, second)
        .join(mine, mine.appointment_id == first.id)
        .join(theirs, (theirs.start_at < mine.end_at) & (mine.start_at < theirs.end_at))
        .join(second, second.id == theirs.appointment_id)
        .where(
            mine.resource_id == keep.resource_id,
            theirs.resource_id == other.resource_id,
            mine.released_at.is_(None),
            theirs.released_at.is_(None),
        )
        .order_by(first.start_at, first.id, second.id)
    )
    return [AppointmentOverlap(one, another) for one, another in session.execute(query)]


def _twice(session: Session, keep: Patient, other: Patient) -> list[CarePlan]:
    """Return the other's open courses that may not go on beside one of the kept record's: the same, or both dosing."""
    mine = {one.plan_definition.key for one in care_plans.of_patient(session, keep) if one.status.is_open}
    same = [
        one
        for one in care_plans.of_patient(session, other)
        if one.status.is_open and one.plan_definition.key in mine
    ]
    dosing = open_dosing_courses(session, other) if open_dosing_courses(session, keep) else ()
    return list(dict.fromkeys([*same, *dosing]))


def _require_one_place(planned: Merger) -> None:
    if planned.clashes:
        first = planned.clashes[0].keep
        local = first.start_at.astimezone(first.zone)
        raise WrongStatus(
            f"Both have a visit on {first.formats.dated_moment(local)}: move or cancel one, or keep both records"
        )


def _require_one_course(actor: Actor, planned: Merger, reason: str) -> None:
    if planned.twice and not may_override(actor, reason, "reason"):
        titles = ", ".join(one.plan_definition.title for one in planned.twice)
        violation = {"action": None, "rule": "one-course", "words": f"both continue: {titles}", "hard": False}
        raise RuleBroken(
            f"Both have an open course of the same kind ({titles}): end one first, or give a reason to keep both",
            violations=[violation],
        )
