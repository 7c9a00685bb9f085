"""The access audit: what a request shows of patients is noted once, before the answer is sent.

What is shown is found out where it is read, so no view can forget it: the environment of the templates reports every
patient, visit, course and mail from which a template takes an attribute, and a function that writes a row of an answer
without a template (API, FHIR, CSV) calls `touch`. One short transaction of its own notes it at the end; if that fails,
the answer is replaced by the error. A stream notes each page of rows before it sends the first of them.

Each interface declares for each of its routes what it shows (`declare`): one patient's record, a list with a name, or
nothing, with the reason. A route that refreshes a page by itself is declared so; it notes a thing once an hour for each
session. What a client sends decides nothing.

A patient whose visit or record the request has changed is in the trail already and is not noted a second time. A
refusal of access is noted here as well, for every interface.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from flask import Flask, Response, current_app, g, has_request_context, request
from flask.templating import Environment
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from scheduler import clock
from scheduler.database import db, writing
from scheduler.errors import Forbidden, Refusal
from scheduler.models.appointment import Appointment
from scheduler.models.audit_event import AuditEvent
from scheduler.models.care_plan import CarePlan
from scheduler.models.message import Message
from scheduler.models.patient import Patient
from scheduler.services.actors import Actor
from scheduler.services.trail import audit
from scheduler.services.trail.audit_words import LIST, LISTED

VIEWED: dict[type, str] = {
    Appointment: "appointment.viewed",
    CarePlan: "care-plan.viewed",
    Message: "message.viewed",
    Patient: "patient.viewed",
}
AGAIN_AFTER = timedelta(hours=1)


@dataclass(frozen=True)
class Shows:
    """What a route shows. `name` is what the trail calls a list, `reason` why nothing is noted."""

    what: Literal["patient", "list", "nothing"]
    name: str = ""
    reason: str = ""
    background: bool = False


PATIENT = Shows("patient")
PATIENT_AGAIN = Shows("patient", background=True)


def listing(name: str, *, background: bool = False) -> Shows:
    """Declare a list of patients; what the address adds (a date) belongs to its name."""
    return Shows("list", name, background=background)


def nothing(reason: str) -> Shows:
    """Declare a route that shows no patient to a member of staff or a program."""
    return Shows("nothing", reason=reason)


@dataclass(frozen=True)
class Thing:
    """Something of a patient that was shown."""

    kind: type
    public_id: str
    patient_id: int


@dataclass
class Shown:
    """What one request, or one page of a stream, has shown so far."""

    seen: dict[int, Any] = field(
        default_factory=dict
    )  # by id(); keeping the object, so that no id comes twice
    things: set[Thing] = field(default_factory=set)

    def add(self, thing: Any) -> None:
        patient_id = thing.id if type(thing) is Patient else thing.patient_id
        if patient_id is not None:  # a mail to a member of staff; a patient who is not stored yet
            self.seen[id(thing)] = thing
            self.things.add(Thing(type(thing), thing.public_id, patient_id))


class WatchedTemplates(Environment):
    """Templates report what they show."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        if type(obj) in VIEWED:
            touch(obj)
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if type(obj) in VIEWED:  # filters such as map(attribute=) come this way
            touch(obj)
        return super().getitem(obj, argument)


def watch_templates(app: Flask) -> None:
    """Let the templates report what they show. Call it before the first use of the templates' environment."""
    app.jinja_environment = WatchedTemplates
    app.extensions["access"] = {}


def note_before_sending(app: Flask) -> None:
    """Note what a request has shown. Call it last: what is registered last sees the answer first."""
    app.after_request(_note)


def declare(app: Flask, shows: Mapping[str, Shows]) -> None:
    """Say what each endpoint of an interface shows."""
    app.extensions["access"].update(shows)


def touch(thing: Appointment | CarePlan | Message | Patient) -> None:
    """Say that the request shows something of a patient."""
    if not has_request_context():
        return  # a command or a job
    shown = g.get("shown")
    if shown is None:
        shown = g.shown = Shown()
    if id(thing) not in shown.seen:
        shown.add(thing)


def shown_so_far() -> list[tuple[str, str, int]]:
    """Return what the request shows, to be kept with an answer that may be given again."""
    shown: Shown | None = g.get("shown")
    return sorted((one.kind.__name__, one.public_id, one.patient_id) for one in shown.things) if shown else []


def show_again(kept: Collection[Sequence[Any]]) -> None:
    """Say that the request shows what was kept with the first answer."""
    kinds = {kind.__name__: kind for kind in VIEWED}
    if kept:
        g.shown = Shown(things={Thing(kinds[name], public_id, patient) for name, public_id, patient in kept})


def note(event: str, object_type: str = "", object_id: str = "", fields: Collection[str] = ()) -> None:
    """Note a reading that has a name of its own; what is of this object is not noted a second time."""
    g.setdefault("notes", []).append(
        audit.event_of(g.actor, event, object_type, object_id, clock.now(), fields)
    )


def refuse(refusal: Refusal) -> None:
    """Say that the request was refused; when the actor may not do it, that is noted."""
    g.pop("shown", None)  # what was prepared is not sent
    g.pop("notes", None)
    if isinstance(refusal, Forbidden):
        g.refused = [refusal.details["permission"]] if "permission" in refusal.details else []


def note_rows() -> None:
    """Note what a stream of the request's own session is about to send."""
    shown = g.pop("shown", None)
    if shown is not None and shown.things:
        _write(list(_events(g.actor, shown, _declared(), clock.now(), set())))


def page_notes() -> Callable[[Collection[Appointment | Message | Patient]], None]:
    """Return what notes a page of a stream that goes on reading when the request's session has ended.

    Call it in the view: what it needs of the actor is read here.
    """
    actor, name = g.actor, _list_name(_declared())
    actor.clinic.id, actor.user_id  # noqa: B018  (read now, because later nothing can be)

    def note_page(things: Collection[Appointment | Message | Patient]) -> None:
        shown = Shown()
        for thing in things:
            shown.add(thing)
        with Session(db.engine) as own:
            listed = _public_ids(own, shown.things)
        _write(list(audit.lists(actor, name, listed, clock.now())), ends_reading=False)

    return note_page


def _note(response: Response) -> Response:
    if response.status_code >= 500:
        g.pop("shown", None)  # the view broke off, and the answer is the page of an error
    try:
        _write(_due())
    except Exception as error:
        response.close()
        return current_app.make_response(current_app.handle_user_exception(error))
    return response


def _due() -> list[AuditEvent]:
    """Return what is to be noted, and forget what was collected: the page of an error shows none of it."""
    due: list[AuditEvent] = g.pop("notes", [])
    shown, refused = g.pop("shown", None), g.pop("refused", None)
    if shown is None and refused is None:
        return due
    actor, now, declared = g.get("actor"), clock.now(), _declared()
    if actor is None:
        if declared.what != "nothing":
            raise RuntimeError(f"{request.endpoint} shows a patient to an unknown reader")
        return []  # the patient's own page
    if refused is not None:
        due.append(audit.event_of(actor, "access.refused", "", "", now, refused))
    if shown is not None:
        due += _events(actor, shown, declared, now, {event.object_id for event in due})
    return due


def _events(
    actor: Actor, shown: Shown, declared: Shows, now: datetime, noted: set[str]
) -> Iterator[AuditEvent]:
    changed = noted | {object_id for object_id, committed in g.get("audited", {}).items() if committed}
    in_trail = {thing.patient_id for thing in shown.things if thing.public_id in changed}
    fresh = [thing for thing in shown.things if thing.patient_id not in in_trail]
    subjects = {} if declared.what == "list" else _subjects(fresh)
    for thing in subjects.values():
        name, kind = VIEWED[thing.kind], thing.kind.__name__
        if not (declared.background and _recent(actor, name, kind, thing.public_id, now)):
            yield audit.event_of(actor, name, kind, thing.public_id, now)
    others = [thing for thing in fresh if thing.patient_id not in subjects]
    listed, name = _public_ids(db.session(), others), _list_name(declared)
    if declared.background and listed:
        listed -= {one for row in _recent(actor, LISTED, LIST, name, now) for one in row.fields}
    yield from audit.lists(actor, name, listed, now)


def _subjects(things: Collection[Thing]) -> dict[int, Thing]:
    """Return what the request is about, by patient: what its address names, or the only patient that it shows."""
    named = {*(request.view_args or {}).values(), *request.args.values()}
    ordered = sorted(things, key=lambda thing: (thing.kind is Patient, thing.public_id), reverse=True)
    found = {thing.patient_id: thing for thing in ordered if thing.public_id in named}
    patients = {thing.patient_id for thing in things}
    if not found and len(patients) == 1:
        return {thing.patient_id: thing for thing in ordered[::-1]}
    return found


def _public_ids(session: Session, things: Collection[Thing]) -> set[str]:
    known = {thing.patient_id: thing.public_id for thing in things if thing.kind is Patient}
    missing = sorted({thing.patient_id for thing in things} - known.keys())
    found = set(known.values())
    for at in range(0, len(missing), audit.MOST):
        part = Patient.id.in_(missing[at : at + audit.MOST])
        found.update(session.scalars(select(Patient.public_id).where(part)))
    return found


def _recent(actor: Actor, name: str, kind: str, public_id: str, now: datetime) -> list[AuditEvent]:
    """Return what the same session has noted about the same thing within the hour."""
    query = select(AuditEvent).where(
        AuditEvent.clinic_id == actor.clinic.id,
        AuditEvent.object_type == kind,
        AuditEvent.object_id == public_id,
        AuditEvent.event == name,
        AuditEvent.at > now - AGAIN_AFTER,
        AuditEvent.user_id == actor.user_id,
        AuditEvent.session_id == actor.session_id,
        AuditEvent.token_id == actor.token_id,
    )
    return list(db.session.scalars(query))


def _list_name(declared: Shows) -> str:
    parts = [declared.name or str(request.endpoint), *map(str, (request.view_args or {}).values())]
    return " ".join(parts)[:40]


def _declared() -> Shows:
    known: Mapping[str, Shows] = current_app.extensions["access"]
    return known.get(str(request.endpoint), PATIENT)


def _write(events: list[AuditEvent], ends_reading: bool = True) -> None:
    if not events:
        return
    if ends_reading:
        # one connection, and no lock, at a time; a rollback would expire the actor, whom a stream needs further on
        db.session.close()
    with writing() as own:
        own.add_all(events)


@event.listens_for(AuditEvent, "after_insert")
def _audited(_mapper: object, _connection: object, row: AuditEvent) -> None:
    if has_request_context() and row.object_id:
        g.setdefault("audited", {})[row.object_id] = False


@event.listens_for(Session, "after_commit")
def _committed(_session: Session) -> None:
    if has_request_context() and "audited" in g:
        g.audited = dict.fromkeys(g.audited, True)


@event.listens_for(Session, "after_rollback")
def _rolled_back(_session: Session) -> None:
    if has_request_context() and "audited" in g:
        g.audited = {object_id: True for object_id, committed in g.audited.items() if committed}
