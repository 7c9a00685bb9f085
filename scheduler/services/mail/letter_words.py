"""Which words a letter uses and what it says of each visit: by its kind, its reader, and what is open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from scheduler.domain.localtime import from_minute
from scheduler.domain.message_kinds import TO_STAFF
from scheduler.domain.settings import ProxyNames, VisitTypes
from scheduler.domain.status import Response
from scheduler.models.appointment import Appointment, sites_of
from scheduler.models.clinic import Clinic
from scheduler.models.message import Message, MessageKind
from scheduler.models.open_requirements import DRIVER, rules_for
from scheduler.models.patient import Patient
from scheduler.models.patient_request import open_for
from scheduler.models.preparations import steps
from scheduler.models.site import contact_of
from scheduler.notify.layout import VisitLine
from scheduler.notify.texts import FOR_PROXIES, PROXY
from scheduler.notify.words import Tongue
from scheduler.services.mail.told import Times, as_told, is_elsewhere

PRIVATE = "private"
SAME_HOUR = "same-hour"
NEW_PLACE = "new-place"  # the words of a change that is of the address alone
ASKED = "reminder-asked"  # the words of a reminder of a visit for which the patient asked for another time
CONFIRMED = "reminder-confirmed"  # ... of visits that the patient has confirmed
REINSTATED = "reinstated"  # the words of a change that takes a cancellation back
PREPARING = (MessageKind.REMINDER.value, ASKED, CONFIRMED, MessageKind.CHANGE.value, REINSTATED)
LOOKED_AFTER = {"en": "the person you look after", "es": "la persona a su cargo"}
DRIVER_LINE = {
    "en": "A driver is needed for the trip home.",
    "es": "Hace falta alguien que conduzca a casa.",
}
HELD = {
    "en": "We are holding these times for you until {day}, {time}.",
    "es": "Le guardamos estas horas hasta el {day}, {time}.",
}
ANSWER_BY = {
    "en": "Please answer by {day}, {time}. Other patients may have been asked too: the first yes gets the time.",
    "es": (
        "Por favor, responda antes del {day}, {time}. Es posible que se haya preguntado también a otros pacientes: "
        "la hora es para quien primero diga que sí."
    ),
}
NOT_HELD = {
    "en": "Until they are booked, these times may be given to other patients.",
    "es": "Mientras no estén reservadas, estas horas pueden darse a otros pacientes.",
}


def words_for(session: Session, message: Message, about: Sequence[Appointment], *, in_the_open: bool) -> str:
    """Return the name of the text: of the kind, or of what is particular about this mail."""
    kind = message.kind.value if in_the_open or message.kind in TO_STAFF else PRIVATE
    if message.kind in (*TO_STAFF, MessageKind.ADDRESS):
        return str(message.values.get("words", kind))  # some notices have words of their own
    if kind == MessageKind.CHANGE and _is_only_elsewhere(message, about):
        kind = NEW_PLACE
    elif kind == MessageKind.CHANGE and _is_same_hour(message, about):
        kind = SAME_HOUR
    elif kind == MessageKind.CHANGE and about and all(_is_again(message, one) for one in about):
        kind = REINSTATED
    elif kind == MessageKind.REQUEST_ANSWER:
        kind = str(message.values["words"])
    elif kind == MessageKind.REMINDER and any(open_for(session, one) for one in about):
        kind = ASKED
    elif kind == MessageKind.REMINDER and about and all(one.response is Response.ACCEPTED for one in about):
        kind = CONFIRMED
    return f"{PROXY}{kind}" if message.recipient == "proxy" and kind in FOR_PROXIES else kind


def named_to_proxy(patient: Patient, clinic: Clinic, language: str) -> str:
    """Return what the person who looks after a patient reads of them, as the clinic allows."""
    names = {
        ProxyNames.FIRST_NAME.value: patient.called,
        ProxyNames.INITIALS.value: " ".join(
            f"{name[0]}." for name in (patient.given_name, patient.family_name) if name
        ),
    }
    return names.get(clinic.settings.proxy_names, LOOKED_AFTER[language])


def preparation(visit: Appointment, speech: Tongue) -> tuple[str, ...]:
    """Return what to do before a visit: the lines of its preparation with a time before it, and the driver."""
    lines = [one for one in steps(visit, speech.language) if one.at is not None and one.at <= visit.start_at]
    found = [speech.preparation(one.text, one.at, visit.start_at) for one in lines]
    needs_driver = any(rule.key == DRIVER for rule in rules_for(visit))
    return (*found, DRIVER_LINE[speech.language]) if needs_driver else tuple(found)


def names_places(message: Message, about: Sequence[Appointment]) -> bool:
    """Tell whether each visit must say where it is: they are at several sites, or one is at another than before."""
    return len(sites_of(about)) > 1 or any(_is_elsewhere(message, one) for one in about)


def visit_line(
    clinic: Clinic, message: Message, appointment: Appointment, speech: Tongue, *, with_place: bool = False
) -> VisitLine:
    start, end = appointment.start_at, appointment.end_at
    place = appointment.location
    shown = VisitLine(
        day=speech.day(start),
        times=speech.times(start, end),
        zone=speech.zone_of(start),
        cancelled=message.kind is MessageKind.CANCELLATION or appointment.id in message.values.get("off", ()),
        again=_is_again(message, appointment),
        what=speech.visit_type(appointment.title, appointment.position, appointment.series_length)
        if clinic.settings.visit_types == VisitTypes.EMAIL.value
        else "",
        place=contact_of(clinic, place.site).address if with_place and place is not None else "",
    )
    was = _was(message, appointment)
    if was is None or was == (start, end) or shown.cancelled:
        return shown
    was_start, was_end = was
    return replace(shown, before=f"{speech.day(was_start)}, {speech.times(was_start, was_end)}")


def proposed_lines(clinic: Clinic, message: Message, speech: Tongue) -> list[VisitLine]:
    """Return the appointments that the message proposes, without those that patients do not come to."""
    shows = clinic.settings.visit_types == VisitTypes.EMAIL.value
    return [
        VisitLine(
            day=speech.day(start),
            times=speech.times(start, end),
            zone=speech.zone_of(start),
            what=speech.visit_type(one["title"], one["position"], one["series_length"]) if shows else "",
        )
        for one, (start, end) in zip(_proposed(message), proposed_times(message), strict=True)
    ]


def proposed_times(message: Message) -> list[tuple[datetime, datetime]]:
    return [(from_minute(one["start"]), from_minute(one["end"])) for one in _proposed(message)]


def held_words(message: Message, speech: Tongue) -> str:
    """Return until when the proposed times are held, or that they are not; of an offer, until when to answer."""
    minute = message.values.get("held_until")
    if minute is None:
        return NOT_HELD[speech.language]
    until = from_minute(minute)
    words = ANSWER_BY if message.kind is MessageKind.OFFER else HELD
    return words[speech.language].format(day=speech.day(until), time=speech.time(until))


def _proposed(message: Message) -> list[dict[str, Any]]:
    return list(message.values.get("proposed", ()))


def _is_again(message: Message, appointment: Appointment) -> bool:
    """Tell whether the reader was last informed that this visit is canceled."""
    return message.kind is MessageKind.CHANGE and appointment.id in message.values.get("again", ())


def _was(message: Message, appointment: Appointment) -> Times | None:
    """Return the times that were told before, if this mail tells of others."""
    before = message.values.get("before", {}).get(str(appointment.id))
    return as_told(before, appointment.zone) if before and message.kind is MessageKind.CHANGE else None


def _is_elsewhere(message: Message, appointment: Appointment) -> bool:
    """Tell whether this mail is the first to say that the visit is at another site."""
    before = message.values.get("before", {}).get(str(appointment.id))
    return bool(before) and message.kind is MessageKind.CHANGE and is_elsewhere(before, appointment)


def _is_only_elsewhere(message: Message, about: Sequence[Appointment]) -> bool:
    """Tell whether the visits keep their times and are at another site."""
    off = message.values.get("off", ())
    return bool(about) and all(
        one.id not in off and _is_elsewhere(message, one) and _was(message, one) == (one.start_at, one.end_at)
        for one in about
    )


def _is_same_hour(message: Message, about: Sequence[Appointment]) -> bool:
    """Tell whether only instants have changed, with the rules of the zone, and the wall shows what was told."""
    off = message.values.get("off", ())
    times = [(one.id not in off and _was(message, one), (one.start_at, one.end_at)) for one in about]
    elsewhere = any(_is_elsewhere(message, one) for one in about)
    return bool(about) and not elsewhere and all(was == present for was, present in times)
