"""Rules of the clinic: reminders and what a patient would get, waiting times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from flask import render_template, request
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.database import db
from scheduler.domain.message_kinds import MessageKind
from scheduler.domain.plans import Unit
from scheduler.domain.reminders import KIND_OF_TOPIC, Anchor, ReminderRule, Topic, write_rule
from scheduler.domain.settings import ClinicSettings
from scheduler.errors import Invalid
from scheduler.models import plan_definition as definitions
from scheduler.services.clinic import clinic_settings
from scheduler.services.mail import previews, settings_changes
from scheduler.services.mail.letters import no_letter_to
from scheduler.services.mail.reminders import rules_of
from scheduler.services.patient.patient_search import search
from scheduler.services.trail import audit
from scheduler.web.current import actor
from scheduler.web.local import read_number
from scheduler.web.settings.blueprint import bp, by_field, saved
from scheduler.web.shell import may

NUMBERS = (
    "nurse_units", "planning_horizon_days", "notice_minutes", "confirmation_delay_seconds", "change_delay_seconds",
    "rush_hours", "reminders_most", "noshow_grace_minutes", "reservation_minutes", "arrive_early_minutes",
    "booster_days", "replan_longer_days", "replan_weeks_after",
)  # fmt: skip
TEXTS = (
    "quiet_from",
    "quiet_until",
    "visit_label",
    "mail_name",
    "several_visits",
    "proxy_names",
    "visit_types",
    "digest_at",
)
FLAGS = (
    "show_hidden_visits", "show_location", "reminders_on_closed_days", "reminder_preparation", "private_events",
    "weekly_figures",
)  # fmt: skip
WHATS = (
    *((f"{topic.value} before-start", f"{KIND_OF_TOPIC[topic].words}, before") for topic in Topic),
    ("visit after-end", f"{MessageKind.CHECK_IN.words}, after"),
    ("visit at-booking", f"{MessageKind.REMINDER.words}, at booking"),
)
UNITS = ((Unit.HOURS, "hours"), (Unit.DAYS, "days"), (Unit.WORKING_DAYS, "working days"))
ROWS = 16


@dataclass(frozen=True)
class RuleLine:
    """One rule as the form shows it; an empty amount is no rule."""

    what: str = WHATS[0][0]
    amount: str = ""
    unit: str = Unit.HOURS.value
    kinds: tuple[str, ...] = ()


@bp.get("/rules")
@may("settings")
def rules() -> str:
    return _page(actor().clinic.settings)


@bp.post("/rules")
@may("settings")
def save_rules() -> Response | tuple[str, int]:
    try:
        settings_changes.change(db.session(), actor(), _fields(), clock.now())
    except Invalid as refusal:
        db.session.rollback()
        return _page(actor().clinic.settings, refusal), refusal.status
    return saved(".rules")


@bp.post("/rules/preview")
@may("settings")
def preview_rules() -> str | tuple[str, int]:
    """Show what a patient would get under the rules of the form; nothing is saved."""
    try:
        tried = clinic_settings.checked(actor().clinic.settings, _fields())
    except Invalid as refusal:
        return _page(actor().clinic.settings, refusal), refusal.status
    now, name = clock.now(), request.form.get("preview_for", "").strip()[:100]
    found = search(db.session(), actor().clinic, name, limit=6) if name else []
    patient = (
        found[0] if found else None if name else previews.next_patient(db.session(), actor().clinic, now)
    )
    mails: list[previews.Expected] = []
    if patient:
        mails = previews.of_patient(db.session(), actor().clinic, tried, patient, now)
        audit.record(db.session(), actor(), "patient.viewed", patient, now)
        db.session.commit()
    return _page(
        tried,
        previewed=True,
        patient=patient,
        others=found[1:],
        mails=mails,
        not_sent=no_letter_to(patient, "patient", reminding=True) if patient else None,
    )


def _page(settings: ClinicSettings, refusal: Invalid | None = None, **preview: Any) -> str:
    values: dict[str, Any] = asdict(settings)
    if refusal:
        values |= request.form.to_dict() | {name: name in request.form for name in FLAGS}
    lines = _posted() if refusal else [_line(rule) for rule in rules_of(settings)]
    plans = definitions.all_current(db.session(), actor().clinic.id)
    kinds = sorted({action.kind for plan in plans for action in plan.plan.actions})
    return render_template(
        "settings/rules.html",
        values=values,
        errors=by_field(refusal),
        lines=[*lines, RuleLine()][:ROWS],
        kinds=kinds,
        whats=WHATS,
        units=UNITS,
        preview_for=request.form.get("preview_for", ""),
        **preview,
    )


def _line(rule: ReminderRule) -> RuleLine:
    amount = "" if rule.anchor is Anchor.AT_BOOKING else str(rule.amount)
    return RuleLine(
        f"{rule.topic.value} {rule.anchor.value}", amount, rule.unit.value, tuple(sorted(rule.kinds))
    )


def _posted() -> list[RuleLine]:
    """Return the rules of the form, without the rows that were left or made empty."""
    form, found = request.form, []
    for number in range(ROWS):
        what, amount = form.get(f"rule-{number}-what", ""), form.get(f"rule-{number}-amount", "").strip()
        if f"rule-{number}-gone" not in form and (amount or what == WHATS[-1][0]):
            kinds = tuple(form.getlist(f"rule-{number}-kind"))
            found.append(RuleLine(what, amount, form.get(f"rule-{number}-unit", ""), kinds))
    return found


def _fields() -> dict[str, Any]:
    form = request.form
    fields: dict[str, Any] = {name: read_number(form[name]) for name in NUMBERS if name in form}
    fields |= {name: form[name].strip() for name in TEXTS if name in form}
    fields |= {name: name in form for name in FLAGS}
    return fields | (_rule_fields(_posted()) if "rule-0-what" in form else {})


def _rule_fields(lines: Sequence[RuleLine]) -> dict[str, Any]:
    """Return the plain lead times, and all other rules as texts."""
    texts = [_text(line) for line in lines]
    plain = [line.amount for line, text in zip(lines, texts, strict=True) if text == _plain(line.amount)]
    return {
        "reminder_lead_hours": [read_number(amount) for amount in plain],
        "reminder_rules": [
            text for line, text in zip(lines, texts, strict=True) if text != _plain(line.amount)
        ],
    }


def _plain(amount: str) -> str:
    return f"before-start {read_number(amount)} hours"


def _text(line: RuleLine) -> str:
    topic, _, anchor = line.what.partition(" ")
    try:
        kinds = frozenset(line.kinds)
        return write_rule(
            ReminderRule("", Anchor(anchor), read_number(line.amount), Unit(line.unit), kinds, Topic(topic))
        )
    except ValueError:  # not from the form: the check of the settings says what a rule reads like
        return f"{line.what} {line.amount} {line.unit}"
