"""The waitlist: who waits for an earlier time of a booked visit, or for a first booking."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from scheduler import clock
from scheduler.api.appointments import find as find_visit
from scheduler.api.fields import At, Body, ClockTime, Day, Id, On, Reason, View, at
from scheduler.api.operations import Answer, call
from scheduler.api.paging import Paged, page
from scheduler.api.patients import Weekday
from scheduler.api.proposals import Key
from scheduler.api.withheld import Details, withhold
from scheduler.database import db
from scheduler.http import access
from scheduler.models.opening import offer_counts
from scheduler.models.waitlist import Priority, WaitlistEntry
from scheduler.services.actors import Actor
from scheduler.services.clinic import plans
from scheduler.services.patient import patients
from scheduler.services.waitlist import entries
from scheduler.services.waitlist.entries import MOST_NOTICE, WaitWishes


class EntryView(View):
    """One who waits: for an earlier time of `appointment_id`; without it for a first booking of the visit `action` of
    `plan_definition`, or (without `action`) of a whole course of it.

    `until_on` is the last day that helps. `weekdays`, `earliest` and `latest` say when the patient can come,
    `notice_hours` how long before the patient must know. `side` is who asked. `offers` counts those made so far.
    `outcome` says why it ended: an offer was accepted, it was removed, what was waited for was booked otherwise or is
    over, or the patient died or left. `withheld` names the fields that are empty because the caller's role does not see
    them.
    """

    id: Id
    patient_id: Id
    appointment_id: Id | None
    plan_definition: str | None
    action: str | None
    until_on: On | None
    weekdays: list[Weekday]
    earliest: str | None
    latest: str | None
    notice_hours: int
    priority: Literal["normal", "soon", "urgent"]
    reason: str
    side: Annotated[str, Field(pattern="^(staff|patient|api)$")]
    offers: int
    created_at: At
    ended_at: At | None
    outcome: Literal["accepted", "removed", "booked", "over", "gone"] | None
    withheld: list[str]


DETAILS: Details = {"request-notes": {"reason": ""}}


class EntryPage(View):
    items: list[EntryView]
    next_cursor: str | None


class EntryQuery(Paged):
    status: Literal["waiting", "ended"] = "waiting"
    patient_id: Id | None = None
    appointment_id: Id | None = None


class NewEntry(Body):
    """Either `appointment_id`, or `patient_id` and `plan_definition`: with `action` the patient waits for that visit,
    which must not be one that only a course may hold, without it for a course."""

    appointment_id: Id | None = None
    patient_id: Id | None = None
    plan_definition: Key | None = None
    action: Key | None = None
    until_on: Day | None = None
    weekdays: list[Weekday] = Field(default=[], max_length=7)
    earliest: ClockTime | None = None
    latest: ClockTime | None = None
    notice_hours: Annotated[int, Field(ge=0, le=MOST_NOTICE)] = 0
    priority: Literal["normal", "soon", "urgent"] = "normal"
    reason: Reason = ""

    @model_validator(mode="after")
    def _either(self) -> NewEntry:
        partly = any(one is not None for one in (self.patient_id, self.plan_definition, self.action))
        if self.appointment_id is not None and partly:
            raise ValueError("give either appointment_id, or patient_id and plan_definition")
        if self.appointment_id is None and (self.patient_id is None or self.plan_definition is None):
            raise ValueError("give either appointment_id, or patient_id and plan_definition")
        return self


@call("GET", "/waitlist", may="view", query=EntryQuery, gives=EntryPage)
def list_waitlist(actor: Actor, query: EntryQuery) -> Answer:
    """List who waits, or the entries that have ended, in the order in which they were added."""
    session, ended = db.session(), WaitlistEntry.ended_at
    rows = (
        select(WaitlistEntry)
        .where(WaitlistEntry.clinic_id == actor.clinic.id)
        .where(ended.is_(None) if query.status == "waiting" else ended.is_not(None))
        .options(
            joinedload(WaitlistEntry.patient),
            joinedload(WaitlistEntry.appointment),
            joinedload(WaitlistEntry.plan_definition),
        )
    )
    if query.patient_id is not None:
        patient = patients.get(session, actor.clinic, query.patient_id)
        rows = rows.where(WaitlistEntry.patient_id == patient.id)
    if query.appointment_id is not None:
        rows = rows.where(WaitlistEntry.appointment_id == find_visit(actor, query.appointment_id).id)
    order = (WaitlistEntry.created_at, WaitlistEntry.public_id)
    found, cursor = page(session, rows, query, order, lambda row: (row.created_at, row.public_id))
    counts = offer_counts(session, found)
    items = [_view(row, counts.get(row.id, 0)) for row in found]
    return Answer(EntryPage(items=items, next_cursor=cursor))


@call("GET", "/waitlist/<entry_id>", may="view", gives=EntryView)
def get_waitlist_entry(actor: Actor, entry_id: str) -> Answer:
    """Show one entry."""
    return _answer(entries.find(db.session(), actor.clinic, entry_id))


@call("POST", "/waitlist", may=entries.MAY, body=NewEntry, gives=EntryView, status=201, refuses=(409,))
def add_to_waitlist(actor: Actor, body: NewEntry) -> Answer:
    """Put a patient on the waitlist. Who waits for the same already gets the new wishes and keeps the place.

    409 `wrong-status` for a visit that cannot be moved, or a patient who died or left.
    """
    session, now = db.session(), clock.now()
    wishes = WaitWishes(
        until_on=body.until_on,
        weekdays=tuple(body.weekdays),
        earliest=body.earliest,
        latest=body.latest,
        notice_hours=body.notice_hours,
        priority=Priority(body.priority),
        reason=body.reason,
    )
    if body.appointment_id is not None:
        visit = find_visit(actor, body.appointment_id)
        return _answer(entries.wait_for_earlier(session, actor, visit, wishes, now, "api"))
    patient = patients.get(session, actor.clinic, body.patient_id or "")
    definition = plans.current(session, actor.clinic, body.plan_definition or "")
    action = body.action or ""
    return _answer(
        entries.wait_for_booking(session, actor, patient, definition, action, wishes, now, side="api")
    )


@call("DELETE", "/waitlist/<entry_id>", may=entries.MAY, status=204)
def remove_from_waitlist(actor: Actor, entry_id: str) -> Answer:
    """Take an entry off the list; one that has ended stays as it is."""
    session = db.session()
    entries.remove(session, actor, entries.find(session, actor.clinic, entry_id), clock.now())
    return Answer(None)


def _answer(entry: WaitlistEntry) -> Answer:
    count = offer_counts(db.session(), [entry]).get(entry.id, 0)
    return Answer(_view(entry, count), location=f"/api/v1/waitlist/{entry.public_id}")


def _view(entry: WaitlistEntry, offers: int) -> EntryView:
    access.touch(entry.patient)
    shown = EntryView(
        id=entry.public_id,
        patient_id=entry.patient.public_id,
        appointment_id=entry.appointment.public_id if entry.appointment else None,
        plan_definition=entry.plan_definition.key if entry.plan_definition else None,
        action=entry.action or None,
        until_on=entry.until_on.isoformat() if entry.until_on else None,
        weekdays=entry.weekdays,
        earliest=entry.earliest.isoformat("minutes") if entry.earliest else None,
        latest=entry.latest.isoformat("minutes") if entry.latest else None,
        notice_hours=entry.notice_hours,
        priority=entry.priority.value,
        reason=entry.reason,
        side=entry.side,
        offers=offers,
        created_at=at(entry.created_at),
        ended_at=at(entry.ended_at) if entry.ended_at else None,
        outcome=entry.outcome.value if entry.outcome else None,
        withheld=[],
    )
    return withhold(shown, DETAILS)
