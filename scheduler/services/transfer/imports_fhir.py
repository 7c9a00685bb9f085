"""Reading patients from FHIR R4 or R4B: a Bundle, a single Patient, or NDJSON with a resource in each line.

Only the patients are taken; other resources are counted and left. fhir.resources checks each patient's shape. What this
scheduler has no field for (other identifiers, extensions) is left out. Parts that are null (masked or absent) say
nothing. Of a birth date without a day or month no date is kept; what is known stands in the alert note.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from scheduler.services.progress import Progress
from scheduler.services.transfer.imports import ImportFault, ImportRefused, Row, stepping

ENTRY, LINE = "entry", "line"
NAME_USES = ("official", "usual", "temp", None, "nickname", "anonymous", "old", "maiden")
PHONE_USES = ("mobile", "home", None, "work", "temp", "old")
ADDRESS_USES = ("home", None, "billing", "temp", "work", "old")
FULL_DATE = len("2026-11-30")


def read(text: str, progress: Progress) -> tuple[str, list[Row], int]:
    """Return what places count, the patients' rows, and how many other resources there are (replaced patients too).

    Raises ImportRefused.
    """
    unit, resources, faults = _resources(text)
    patients = [row for row in resources if row.fields.get("resourceType") == "Patient"]
    rows: list[Row] = []
    for row in stepping("read", patients, progress):
        found = _shape_faults(row)
        if found:
            faults += found
        elif not _is_replaced(row.fields):
            rows.append(Row(row.place, _fields(row.fields)))
    if faults:
        raise ImportRefused(unit, faults)
    if not rows:
        raise ImportRefused(unit, [ImportFault(0, "file", "holds no Patient")])
    return unit, rows, len(resources) - len(rows)


def _resources(text: str) -> tuple[str, list[Row], list[ImportFault]]:
    """Return the unit of places, the resources, and what is wrong with the others."""
    text = text.removeprefix("\ufeff")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
        if len(lines) > 1 and _is_object(lines[0][1]):
            return LINE, *_lines(lines)
        raise ImportRefused(ENTRY, [ImportFault(0, "file", f"is not JSON: {error}")]) from None
    kind = document.get("resourceType") if isinstance(document, dict) else None
    if kind == "Patient":
        return ENTRY, [Row(0, document)], []
    if kind != "Bundle":
        raise ImportRefused(ENTRY, [ImportFault(0, "file", "is not a FHIR Bundle, a Patient or NDJSON")])
    entries = document.get("entry", [])
    if not isinstance(entries, list):
        raise ImportRefused(ENTRY, [ImportFault(0, "entry", "must be a list")])
    resources, faults = [], []
    for place, entry in enumerate(entries):
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if isinstance(resource, dict):
            resources.append(Row(place, resource))
        else:
            faults.append(ImportFault(place, "resource", "is missing"))
    return ENTRY, resources, faults


def _lines(lines: Iterable[tuple[int, str]]) -> tuple[list[Row], list[ImportFault]]:
    resources, faults = [], []
    for place, line in lines:
        try:
            resource = json.loads(line)
        except (ValueError, RecursionError) as error:
            faults.append(ImportFault(place, "line", f"is not JSON: {error}"))
            continue
        if isinstance(resource, dict):
            resources.append(Row(place, resource))
        else:
            faults.append(ImportFault(place, "line", "is not a FHIR resource"))
    return resources, faults


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


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
    except Exception as trouble:  # a validator of the library that does not expect such a value
        return [ImportFault(row.place, "resource", f"cannot be read: {trouble}")]
    return []


def _fields(patient: Mapping[str, Any]) -> dict[str, Any]:
    """Return the patient's fields; what is not there is left out, so that it is named as missing where it must be."""
    names = _parts(patient, "name")
    given, family = _name(_preferred(names, NAME_USES) or {})
    called = next((_given(one) for one in names if one.get("use") in ("usual", "nickname")), "")
    fields = {
        "given_name": given,
        "family_name": family,
        "preferred_name": called if called != given else "",
        "email": (_telecom(patient, "email") or "").removeprefix("mailto:"),
        "phone": _telecom(patient, "phone") or _telecom(patient, "sms"),
        "language": next(_languages(patient), None),
        **_born(patient.get("birthDate") or ""),
        "sex": patient.get("gender"),
        "mrn": next(_record_numbers(patient), None),
        **_address(_preferred(_parts(patient, "address"), ADDRESS_USES) or {}),
        **next(_emergency_contacts(patient), {}),
    }
    return {field: value for field, value in fields.items() if value} | _gone(patient)


def _name(name: Mapping[str, Any]) -> tuple[str, str]:
    """Return the given and the family name.

    Of a name that is only written out, the family name is what is before a comma, else the last word.
    """
    given, family = _given(name), name.get("family") or ""
    if given or family:
        return given, family
    text = (name.get("text") or "").strip()
    before, comma, after = text.partition(",")
    first, _, last = text.rpartition(" ")
    return (after.strip(), before.strip()) if comma else (first.strip(), last)


def _given(name: Mapping[str, Any]) -> str:
    return " ".join(part for part in name.get("given") or [] if part)


def _born(written: str) -> dict[str, str]:
    if not written or len(written) == FULL_DATE:
        return {"birth_date": written}
    return {"alert_note": f"Date of birth is incomplete: {written}"}


def _gone(patient: Mapping[str, Any]) -> dict[str, Any]:
    """Return what says that nothing may be sent: died, on a known day or not, or no longer a patient."""
    if died := patient.get("deceasedDateTime"):
        return {"deceased_on": died[:10]} if len(died) >= FULL_DATE else {"active": False}
    left = patient.get("active") is False or patient.get("deceasedBoolean") is True
    return {"active": False} if left else {}


def _record_numbers(patient: Mapping[str, Any]) -> Iterator[str]:
    """Yield the medical record numbers: identifiers of the type MR, the official ones first."""
    for one in sorted(_parts(patient, "identifier"), key=lambda each: each.get("use") != "official"):
        codes = {coding.get("code") for coding in _parts(one.get("type") or {}, "coding")}
        if "MR" in codes and one.get("value"):
            yield str(one["value"])


def _address(address: Mapping[str, Any]) -> dict[str, Any]:
    line = ", ".join(part for part in address.get("line") or [] if part)
    return {
        "address_line": line or ("" if address.get("city") else address.get("text")),
        "city": address.get("city"),
        "state": address.get("state"),
        "postal_code": address.get("postalCode"),
    }


def _emergency_contacts(patient: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield whom to call in an emergency (HL7 table 0131, code C)."""
    for one in _parts(patient, "contact"):
        roles = _parts(one, "relationship")
        if "C" in {coding.get("code") for role in roles for coding in _parts(role, "coding")}:
            name = " ".join(part for part in _name(one.get("name") or {}) if part)
            relation = next((role["text"] for role in roles if role.get("text")), "")
            yield {
                "emergency_name": name,
                "emergency_relation": "" if relation == "Emergency contact" else relation,
                "emergency_phone": _telecom(one, "phone"),
            }


def _is_replaced(patient: Mapping[str, Any]) -> bool:
    """Tell whether another record goes on instead of this one."""
    return any(link.get("type") == "replaced-by" for link in _parts(patient, "link"))


def _parts(whole: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """Return a list that may be missing or null."""
    return whole.get(name) or []


def _preferred(listed: list[Mapping[str, Any]], uses: tuple[str | None, ...]) -> Mapping[str, Any] | None:
    ranked = sorted(
        listed, key=lambda one: uses.index(one.get("use")) if one.get("use") in uses else len(uses)
    )
    return ranked[0] if ranked else None


def _telecom(patient: Mapping[str, Any], system: str) -> str | None:
    listed = _parts(patient, "telecom")
    best = _preferred([one for one in listed if one.get("system") == system and one.get("value")], PHONE_USES)
    return str(best["value"]) if best else None


def _languages(patient: Mapping[str, Any]) -> Iterator[str]:
    spoken = _parts(patient, "communication")
    for one in sorted(spoken, key=lambda each: not each.get("preferred")):
        for coding in _parts(one.get("language") or {}, "coding"):
            if coding.get("code"):
                yield coding["code"].partition("-")[0].lower()
