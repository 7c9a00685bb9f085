"""Reminders: what is due, what was sent, what was not and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field
from sqlalchemy import select

from scheduler.api.appointments import find
from scheduler.api.fields import At, Id, Instant, View, at
from scheduler.api.operations import Answer, call
from scheduler.api.paging import Paged, page
from scheduler.database import db
from scheduler.http import access
from scheduler.models.appointment import Appointment
from scheduler.models.message import Message
from scheduler.models.reminder import Reminder, ReminderState
from scheduler.services.actors import Actor

State = Literal["pending", "queued", "sent", "skipped", "failed", "uncertain", "void"]


class ReminderView(View):
    """A due row. `reason` says why it was skipped, failed or void; `attempts` counts tries of its message."""

    id: Id
    appointment_id: Id
    rule: str
    recipient: str
    due_at: At
    status: State
    reason: str
    message_id: Id | None
    attempts: int
    sent_at: At | None


class ReminderPage(View):
    items: list[ReminderView]
    next_cursor: str | None


class ReminderQuery(Paged):
    status: list[State] = Field(default=[], max_length=7)
    appointment_id: Id | None = None
    start: Annotated[Instant | None, Field(alias="from")] = None
    end: Annotated[Instant | None, Field(alias="to")] = None


@call("GET", "/reminders", may="send-log", query=ReminderQuery, gives=ReminderPage)
def list_reminders(actor: Actor, query: ReminderQuery) -> Answer:
    """List reminders by when they are due, the latest first."""
    rows = select(Reminder).where(Reminder.clinic_id == actor.clinic.id)
    if query.status:
        rows = rows.where(Reminder.state.in_([ReminderState(status) for status in query.status]))
    if query.appointment_id is not None:
        rows = rows.where(Reminder.appointment_id == find(actor, query.appointment_id).id)
    if query.start is not None:
        rows = rows.where(Reminder.due_at >= query.start)
    if query.end is not None:
        rows = rows.where(Reminder.due_at < query.end)
    order = (Reminder.due_at, Reminder.public_id)
    found, cursor = page(
        db.session(), rows, query, order, lambda row: (row.due_at, row.public_id), newest_first=True
    )
    return Answer(ReminderPage(items=_views(found), next_cursor=cursor))


def _views(found: Sequence[Reminder]) -> list[ReminderView]:
    visit_ids = {row.appointment_id for row in found}
    message_ids = {row.message_id for row in found if row.message_id}
    visits = db.session().scalars(select(Appointment).where(Appointment.id.in_(visit_ids))).all()
    for visit in visits:
        access.touch(visit)
    public_ids = {visit.id: visit.public_id for visit in visits}
    messages = {
        one.id: one for one in db.session().scalars(select(Message).where(Message.id.in_(message_ids)))
    }
    return [_view(row, public_ids[row.appointment_id], messages.get(row.message_id or 0)) for row in found]


def _view(row: Reminder, appointment_id: str, message: Message | None) -> ReminderView:
    sent = message is not None and message.ended_at is not None and row.state is ReminderState.SENT
    return ReminderView(
        id=row.public_id,
        appointment_id=appointment_id,
        rule=row.rule,
        recipient=row.recipient,
        due_at=at(row.due_at),
        status=row.state.value,
        reason=row.reason,
        message_id=message.public_id if message else None,
        attempts=message.attempts if message else 0,
        sent_at=at(message.ended_at) if message and message.ended_at and sent else None,
    )
