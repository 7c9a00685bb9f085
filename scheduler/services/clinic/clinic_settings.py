"""What a clinic decides for itself, changed field by field with the bounds that make sense of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, time
from functools import partial
from typing import Any

from sqlalchemy import true
from sqlalchemy.orm import Session

from scheduler.domain.answers import MOOD_MOST, PHQ2_MOST
from scheduler.domain.formats import LOCALES
from scheduler.domain.reminders import read_rule
from scheduler.domain.settings import ClinicSettings, ProxyNames, SeveralVisits, VisitTypes
from scheduler.domain.text import BadText, clean_line, clean_note
from scheduler.errors import Invalid
from scheduler.models.versions import raise_versions
from scheduler.notify import texts
from scheduler.notify.words import LANGUAGES
from scheduler.services.actors import Actor
from scheduler.services.clinic import planner_weights
from scheduler.services.clinic.staff import answering
from scheduler.services.history import relabelled
from scheduler.services.trail import audit

MOST_LEADS = 5
MOST_KINDS = 50
MOST_RULES = 12
MOST_CONTACTS = 20
IN_CALENDARS = {"visit_label", "mail_name", "show_location", "private_events"}


def change(session: Session, actor: Actor, fields: Mapping[str, Any], now: datetime) -> ClinicSettings:
    """Change the fields that are given. Raises Invalid naming each that is unknown or out of bounds.

    Interfaces call mail/settings_changes.py, which plans the reminders again as well.
    """
    settings, before = checked(actor.clinic.settings, fields), actor.clinic.settings
    if "answer_contacts" in fields:
        _require_contacts(session, actor, settings.answer_contacts)
    changed = [name for name in fields if getattr(before, name) != getattr(settings, name)]
    if changed:
        actor.clinic.settings_document = settings.to_document()
        audit.record(session, actor, "clinic.changed", actor.clinic, now, _named(before, settings, changed))
        if IN_CALENDARS & set(changed):
            relabelled(session, actor.clinic.id, true(), now)
        raise_versions(session, actor.clinic.id, [], now)
    return settings


def _require_contacts(session: Session, actor: Actor, addresses: Sequence[str]) -> None:
    """Raise Invalid unless there is a contact, and each may read patients' answers at this clinic."""
    if not addresses:
        raise Invalid([("answer_contacts", "choose at least one person: answers must reach someone")])
    known = {user.email for user in answering(session, actor.clinic)}
    errors = [
        ("answer_contacts", f"{one} has no account here that may read patients' answers")
        for one in addresses
        if one not in known
    ]
    if errors:
        raise Invalid(errors)


def checked(settings: ClinicSettings, fields: Mapping[str, Any]) -> ClinicSettings:
    """Return settings with these fields changed; nothing is written. Raises Invalid as `change` does."""
    values, errors = asdict(settings), []
    for name, value in fields.items():
        try:
            values[name] = _checked(settings, name, value)
        except KeyError:
            errors.append((name, "is not a setting of a clinic"))
        except BadText as error:
            errors.append((error.field, error.reason))
        except Invalid as refused:
            errors.extend((one["field"], one["reason"]) for one in refused.details["errors"])
    if errors:
        raise Invalid(errors)
    return ClinicSettings(**values)


def _checked(settings: ClinicSettings, name: str, value: Any) -> Any:
    """Return a field as it is kept. A stored mail text that is not changed stays, also if it is no longer allowed."""
    if name != "mail_texts":
        return CHECKS[name](name, value)
    kept = {key: text for key, text in value.items() if settings.mail_texts.get(key) == text}
    return kept | CHECKS[name](name, {key: text for key, text in value.items() if key not in kept})


def _named(before: ClinicSettings, after: ClinicSettings, changed: Sequence[str]) -> list[str]:
    """Return the names for the audit trail: of a weight, not only that some weight has changed."""
    names = [name for name in changed if name != "planner_weights"]
    if "planner_weights" in changed:
        old, new = before.planner_weights, after.planner_weights
        names += sorted(f"planner_weights.{key}" for key in {*old, *new} if old.get(key) != new.get(key))
    return names


def _whole(field: str, value: Any, least: int, most: int) -> int:
    if type(value) is not int or not least <= value <= most:
        raise BadText(field, f"must be a whole number from {least} to {most}")
    return value


def _flag(field: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise BadText(field, "must be true or false")
    return value


def _locale(field: str, value: Any) -> str:
    if value not in LOCALES:
        raise BadText(field, f"must be one of {', '.join(LOCALES)}")
    return str(value)


def _leads(field: str, value: Any) -> tuple[int, ...]:
    if len(value) > MOST_LEADS:
        raise BadText(field, f"must be at most {MOST_LEADS} times")
    return tuple(sorted({_whole(field, hours, 1, 24 * 30) for hours in value}, reverse=True))


def _rules(field: str, value: Any) -> tuple[str, ...]:
    if len(value) > MOST_RULES:
        raise BadText(field, f"must be at most {MOST_RULES} rules")
    keys = set()
    for text in value:
        try:
            key = read_rule(clean_line(field, text, 200)).key
        except ValueError as error:
            raise BadText(field, str(error)) from None
        if key in keys:
            raise BadText(field, f"{text}: is listed twice")
        keys.add(key)
    return tuple(value)


def _kinds(field: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str) or len(value) > MOST_KINDS:
        raise BadText(field, f"must be a list of at most {MOST_KINDS} kinds")
    return tuple(dict.fromkeys(clean_line(field, kind, 40, required=True) for kind in value))


def _contacts(field: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str) or len(value) > MOST_CONTACTS:
        raise BadText(field, f"must be a list of at most {MOST_CONTACTS} addresses")
    return tuple(sorted({clean_line(field, address, 254, required=True).lower() for address in value}))


def _texts(field: str, value: Any) -> dict[str, str]:
    for name, text in value.items():
        kind, _, language = name.partition(".")
        if kind not in texts.EDITABLE or language not in LANGUAGES:
            raise BadText(field, f"{name} is not a kind of message")
        try:
            texts.check(kind, clean_note(field, text, 4000), language)
        except texts.BadMailText as error:
            raise BadText(field, f"{name}: {error}") from None
    return dict(value)


def _weights(_field: str, value: Any) -> dict[str, Any]:
    return planner_weights.clean(value)


def _digest(field: str, value: Any) -> str:
    return _time(field, value) if value else ""


def _time(field: str, value: Any) -> str:
    try:
        told = time.fromisoformat(clean_line(field, value, 8, required=True))
    except ValueError:
        raise BadText(field, "is not a time such as 21:00") from None
    return told.isoformat("minutes")


def _one_of(*choices: str) -> Callable[[str, Any], str]:
    def check(field: str, value: Any) -> str:
        if value not in choices:
            raise BadText(field, f"must be one of {', '.join(choices)}")
        return str(value)

    return check


def _line(longest: int, required: bool) -> Callable[[str, Any], str]:
    return partial(clean_line, longest=longest, required=required)


def _between(least: int, most: int) -> Callable[[str, Any], int]:
    return partial(_whole, least=least, most=most)


CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "locale": _locale,
    "clock_24_hours": _flag,
    "nurse_units": _between(1, 12),
    "planning_horizon_days": _between(14, 400),
    "replan_longer_days": _between(0, 14),
    "replan_weeks_after": _between(1, 26),
    "notice_minutes": _between(0, 7 * 24 * 60),
    "planner_weights": _weights,
    "reminder_lead_hours": _leads,
    "reminder_rules": _rules,
    "reminders_on_closed_days": _flag,
    "booster_days": _between(1, 120),
    "digest_at": _digest,
    "weekly_figures": _flag,
    "mail_texts": _texts,
    "confirmation_delay_seconds": _between(0, 3600),
    "change_delay_seconds": _between(0, 3600),
    "rush_hours": _between(0, 48),
    "reminders_most": _between(1, 50),
    "quiet_from": _time,
    "quiet_until": _time,
    "noshow_grace_minutes": _between(0, 240),
    "reservation_minutes": _between(5, 7 * 24 * 60),
    "retention_years": _between(0, 99),
    "front_desk_closes": _flag,
    "second_factor_for_all": _flag,
    "visit_label": _line(60, required=True),
    "mail_name": _line(60, required=False),
    "several_visits": _one_of(*SeveralVisits),
    "proxy_names": _one_of(*ProxyNames),
    "visit_types": _one_of(*VisitTypes),
    "reminder_preparation": _flag,
    "private_events": _flag,
    "show_hidden_visits": _flag,
    "show_location": _flag,
    "arrive_early_minutes": _between(0, 120),
    "patient_cancel_hours": _between(0, 24 * 14),
    "patient_move_hours": _between(0, 24 * 14),
    "patient_moves_most": _between(0, 20),
    "patient_fixed_kinds": _kinds,
    "offers_automatic": _flag,
    "offers_at_once": _between(1, 10),
    "offer_minutes": _between(15, 24 * 60),
    "offer_lead_minutes": _between(30, 7 * 24 * 60),  # an offer ends a quarter of an hour before its time
    "offers_a_day": _between(1, 10),
    "check_in_kinds": _kinds,
    "answer_phq2_from": _between(1, PHQ2_MOST),
    "answer_mood_to": _between(0, MOOD_MOST - 1),
    "answer_due_minutes": _between(5, 24 * 60),
    "answer_contacts": _contacts,
}
