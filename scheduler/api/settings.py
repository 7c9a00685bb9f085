"""What a clinic decides for itself, as under *Settings*: lead times, limits, the planner's weights, the locale.

The fields are those of domain/settings.py, so a new setting is here by itself; its bounds are checked by the service.
The texts of mails are edited on the pages, which show what becomes of them.
"""

from __future__ import annotations

from dataclasses import Field, asdict, fields
from typing import Any, Literal

from pydantic import create_model

from scheduler import clock
from scheduler.api.fields import Body, View
from scheduler.api.operations import Answer, call
from scheduler.database import db
from scheduler.domain.planner.values import Weights
from scheduler.domain.settings import ClinicSettings
from scheduler.errors import Invalid
from scheduler.models.clinic import Clinic
from scheduler.services.actors import Actor
from scheduler.services.clinic import planner_weights
from scheduler.services.mail import settings_changes

TYPES: dict[str, Any] = {
    "str": str,
    "int": int,
    "bool": bool,
    "time": str,
    "tuple[int, ...]": list[int],
    "tuple[str, ...]": list[str],
}
NOT_HERE = {"mail_texts", "planner_weights"}
SHOWN = tuple(one for one in fields(ClinicSettings) if one.name not in NOT_HERE)


def _shown(known: tuple[Field[Any], ...]) -> dict[str, Any]:
    return {one.name: (TYPES[str(one.type)], ...) for one in known}


def _changed(known: tuple[Field[Any], ...]) -> dict[str, Any]:
    return {one.name: (TYPES[str(one.type)] | None, None) for one in known}


Preset = Literal["balanced", "soonest", "spacing", "patient", "full-days", "custom"]

WeightsView: Any = create_model(
    "WeightsView",
    __base__=View,
    __doc__="How much each way of falling short counts when courses are placed (docs/planner.md).",
    **_shown(fields(Weights)),
)
SettingsView: Any = create_model(
    "SettingsView",
    __base__=View,
    __doc__="A clinic's settings; the pages under *Settings* say what each is for.",
    **_shown(SHOWN),
    planner_preset=(Preset, ...),
    planner_weights=(WeightsView, ...),
)
WeightsChange: Any = create_model(
    "WeightsChange", __base__=Body, __doc__="The weights to change.", **_changed(fields(Weights))
)
SettingsChange: Any = create_model(
    "SettingsChange",
    __base__=Body,
    __doc__="The settings to change.",
    **_changed(SHOWN),
    planner_preset=(Preset | None, None),
    planner_weights=(WeightsChange | None, None),
)


@call("GET", "/settings", may="settings", gives=SettingsView)
def get_settings(actor: Actor) -> Answer:
    """Show the clinic's settings."""
    return Answer(_view(actor.clinic))


@call("PATCH", "/settings", may="settings", body=SettingsChange, gives=SettingsView)
def change_settings(actor: Actor, body: Any) -> Answer:
    """Change some of the clinic's settings. New reminder rules apply to all visits ahead; nothing is sent late.

    `planner_preset` sets all weights at once; weights sent with it are changed after that. "custom" changes nothing.
    """
    given = body.model_dump(exclude_none=True)
    weights, preset = given.pop("planner_weights", None), given.pop("planner_preset", None)
    if weights is not None or preset is not None:
        given["planner_weights"] = _weights(actor.clinic, weights or {}, preset)
    settings_changes.change(db.session(), actor, given, clock.now())
    return Answer(_view(actor.clinic))


def _weights(clinic: Clinic, sent: dict[str, Any], preset: str | None) -> dict[str, Any]:
    """Return the clinic's weights with these changed. Raises Invalid with the names that the request has."""
    present = planner_weights.to_document(planner_weights.of(clinic))
    changed = {name: value for name, value in sent.items() if value != present.get(name)}
    base = present
    if preset in planner_weights.PRESETS and preset != planner_weights.preset_of(clinic):
        base = planner_weights.to_document(planner_weights.read(planner_weights.PRESETS[preset]))
    try:
        return planner_weights.clean(base | changed)
    except Invalid as refused:
        errors = refused.details["errors"]
        raise Invalid([(f"planner_weights.{one['field']}", one["reason"]) for one in errors]) from None


def _view(clinic: Clinic) -> Any:
    settings = asdict(clinic.settings)
    values = {one.name: settings[one.name] for one in SHOWN}
    lists = {name: list(value) for name, value in values.items() if isinstance(value, tuple)}
    weights = WeightsView(**planner_weights.to_document(planner_weights.of(clinic)))
    preset = planner_weights.preset_of(clinic)
    return SettingsView(**values | lists, planner_preset=preset, planner_weights=weights)
