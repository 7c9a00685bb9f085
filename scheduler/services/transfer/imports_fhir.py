"""Reading patients from a FHIR R4 or R4B bundle, as other systems and synthetic-patient generators write them.

Only the patients are taken; a bundle's other resources are counted and left. fhir.resources checks each patient's
shape. What this scheduler has no field for (addresses, identifiers, extensions) is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from scheduler.services.progress import Progress
from scheduler.services.transfer.imports import ImportFault, ImportRefused, Row, stepping

UNIT = "entry"
NAME_USES = ("official", "usual", "temp", None, "nickname", "anonymous", "old", "maiden")
PHONE_USES = ("mobile", "home", None, "work", "temp", "old")


def read(content: bytes, progress: Progress) -> tuple[list[Row], int]:
    """Return the patients' rows and how many other resources there are, replaced patients among them.

    Raises ImportRefused.
    """
    entries = _entries(content)
    resources = [Row(place, _resource(place, entry)) for place, entry in enumerate(entries)]
    patients = [row for row in resources if row.fields.get("resourceType") == "Patient"]
    rows: list[Row] = []
    faults: list[ImportFault] = []
    for row in stepping("read", patients, progress):
        found = _shape_faults(row)
        if found:
            faults += found
        elif not _is_replaced(row.fields):
            rows.append(Row(row.place, _fields(row.fields)))
    if faults:
        raise ImportRefused(UNIT, faults)
    if not rows:
        raise ImportRefused(UNIT, [ImportFault(0, "file", "holds no Patient")])
    return rows, len(resources) - len(rows)


def _entries(content: bytes) -> list[Any]:
    try:
        bundle = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ImportRefused(UNIT, [ImportFault(0, "file", f"is not JSON: {error}")]) from None
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
        raise ImportRefused(UNIT, [ImportFault(0, "file", "is not a FHIR Bundle")])
    entries = bundle.get("entry", [])
    if not isinstance(entries, list):
        raise ImportRefused(UNIT, [ImportFault(0, "entry", "must be a list")])
    return entries


def _resource(place: int, entry: Any) -> Mapping[str, Any]:
    resource = entry.get("resource") if isinstance(entry, dict) else None
    if not isinstance(resource, dict):
        raise ImportRefused(UNIT, [ImportFault(place, "resource", "is missing")])
    return resource


def _shape_faults(row: Row) -> list[ImportFault]:
    # imported only here: no other import of patients needs these classes, which take a twentieth of a command's start
    from fhir.resources.R4B.patient import Patient as FhirPatient  # noqa: PLC0415
    from pydantic import ValidationError  # noqa: PLC0415

    try:
        FhirPatient.model_validate(row.fields)
    except ValidationError as refused:
        return [
            ImportFault(row.place, ".".join(str(part) for part in error["loc"]) or "resource", error["msg"])
            for error in refused.errors()
        ]
    return []


def _fields(patient: Mapping[str, Any]) -> dict[str, Any]:
    """Return the patient's fields; what is not there is left out, so that it is named as missing where it must be."""
    names = patient.get("name", [])
    name = _preferred(names, NAME_USES) or {}
    called = next(
        (" ".join(one.get("given", [])) for one in names if one.get("use") in ("usual", "nickname")), ""
    )
    given = " ".join(name.get("given", []))
    contact = {
        "email": _telecom(patient, "email"),
        "phone": _telecom(patient, "phone") or _telecom(patient, "sms"),
        "birth_date": patient.get("birthDate"),
        "language": next(_languages(patient), None),
    }
    fields = {
        "given_name": given,
        "family_name": name.get("family"),
        "preferred_name": called if called != given else "",
        **contact,
    }
    return {field: value for field, value in fields.items() if value} | _gone(patient)


def _gone(patient: Mapping[str, Any]) -> dict[str, Any]:
    """Return what says that nothing may be sent: died, on a known day or not, or no longer a patient."""
    if died := patient.get("deceasedDateTime"):
        full = len(died) >= len("2026-11-30")
        return {"deceased_on": died[:10]} if full else {"active": False}
    is_active = patient.get("active", True) and not patient.get("deceasedBoolean", False)
    return {} if is_active else {"active": False}


def _is_replaced(patient: Mapping[str, Any]) -> bool:
    """Tell whether another record goes on instead of this one."""
    return any(link.get("type") == "replaced-by" for link in patient.get("link", []))


def _preferred(listed: list[Any], uses: tuple[str | None, ...]) -> Any:
    ranked = sorted(
        listed, key=lambda one: uses.index(one.get("use")) if one.get("use") in uses else len(uses)
    )
    return ranked[0] if ranked else None


def _telecom(patient: Mapping[str, Any], system: str) -> str | None:
    known = [one for one in patient.get("telecom", []) if one.get("system") == system and one.get("value")]
    best = _preferred(known, PHONE_USES)
    return best["value"] if best else None


def _languages(patient: Mapping[str, Any]) -> Iterator[str]:
    spoken = patient.get("communication", [])
    for one in sorted(spoken, key=lambda each: not each.get("preferred")):
        for coding in one.get("language", {}).get("coding", []):
            if coding.get("code"):
                yield coding["code"].partition("-")[0].lower()
