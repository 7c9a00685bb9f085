"""The booking form: from its fields to a patient's wishes, and back to what the form shows.

A pin is "action@2026-11-24T09:30", in the clinic's wall-clock time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from scheduler.errors import Invalid
from scheduler.models.patient import Patient
from scheduler.services import places, plans
from scheduler.services.actors import Actor
from scheduler.services.wishes import Wishes
from scheduler.web.local import LONGEST, read_date, read_instant, read_time

MOST_PINS = 60
Fields = MultiDict[str, str]


@dataclass(frozen=True)
class Pin:
    """A visit that the desk wants at this start."""

    action: str
    start: datetime
    text: str


def read(session: Session, actor: Actor, patient: Patient, form: Fields, today: date) -> Wishes:
    """Return the wishes in the form. Raises Invalid naming each field, NotFound for an unknown protocol or person."""
    chosen = [
        places.get_practitioner(session, actor.clinic, one) for one in form.getlist("practitioner") if one
    ]
    return Wishes(
        patient=patient,
        plan_definition=plans.current(session, actor.clinic, form.get("plan_definition", "")),
        not_before=read_date("not_before", form.get("not_before") or today.isoformat()),
        weekdays=frozenset(_weekdays(form.getlist("weekdays"))),
        earliest=_time(form, "earliest"),
        latest=_time(form, "latest"),
        blocked_on=frozenset(read_date("blocked", text) for text in form.getlist("blocked") if text),
        practitioners=tuple(chosen),
        pinned={pin.action: pin.start for pin in pins(form)},
        preferred=_time(form, "preferred"),
    )


def pins(form: Fields) -> list[Pin]:
    """Return what is pinned: what was, without what is let go, with what is new. Raises Invalid."""
    kept: dict[str, Pin] = {}
    for text in [*form.getlist("pinned")[:MOST_PINS], *form.getlist("pin")]:
        pin = _pin(text)
        kept[pin.action] = pin
    for action in form.getlist("unpin"):
        kept.pop(action, None)
    return list(kept.values())


def start_values(patient: Patient, plan_key: str, today: date) -> Fields:
    """Return what an empty form shows: the patient's own preferences, from tomorrow on."""
    kept: Mapping[str, Any] = patient.preferences
    values: Fields = MultiDict()
    values["plan_definition"] = plan_key
    values["not_before"] = (today + timedelta(days=1)).isoformat()
    for name in ("earliest", "latest"):
        values[name] = kept.get(name) or ""
    values.setlist("weekdays", [str(day) for day in kept.get("weekdays", ())])
    return values


def _pin(text: str) -> Pin:
    action, _, wall = text[:120].partition("@")
    try:
        local = datetime.fromisoformat(wall[:LONGEST])
    except ValueError:
        raise Invalid([("pin", "must be a visit with its local date and time")]) from None
    return Pin(action, read_instant("pin", local.date(), local.time().replace(tzinfo=None)), text)


def _time(form: Fields, name: str) -> time | None:
    text = form.get(name, "")
    return read_time(name, text) if text else None


def _weekdays(texts: Iterable[str]) -> Iterable[int]:
    for text in texts:
        if text not in tuple("1234567"):
            raise Invalid([("weekdays", "must be from 1 (Monday) to 7")])
        yield int(text)
