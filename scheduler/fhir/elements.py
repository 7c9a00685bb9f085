"""The small parts that resources are made of: references, coded texts, quantities, instants."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import current_app

UCUM = "http://unitsofmeasure.org"
OBSERVATION_VALUE = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"
Element = dict[str, Any]


def base_url() -> str:
    """Return the address of the interface, as links say it."""
    return f"{current_app.config['SETTINGS'].public_url}/fhir"


def reference(kind: str, public_id: str, display: str = "") -> Element:
    return {"reference": f"{kind}/{public_id}"} | ({"display": display} if display else {})


def coded(text: str, system: str = "", code: str = "") -> Element:
    """Return a CodeableConcept; without a code it is a text only."""
    return ({"coding": [{"system": system, "code": code}]} if code else {}) | {"text": text}


def own_code(subject: str, code: str, text: str) -> Element:
    """Return a CodeableConcept of a code list of this installation."""
    return coded(text, f"{base_url()}/CodeSystem/{subject}", code)


def instant(value: datetime, zone: ZoneInfo) -> str:
    return value.astimezone(zone).isoformat(timespec="seconds")


def meta(version: int, *, redacted: bool) -> Element:
    """Return a resource's version, and the label of one that is shown without what the caller's role does not see."""
    label = {"security": [{"system": OBSERVATION_VALUE, "code": "REDACTED"}]}
    return {"versionId": str(version)} | (label if redacted else {})


def minutes(value: int) -> Element:
    return {"value": value, "unit": "min", "system": UCUM, "code": "min"}


def filled(**parts: Any) -> Element:
    """Return the parts that hold something: FHIR knows no empty element."""
    return {name: value for name, value in parts.items() if value not in (None, "", [], {})}
