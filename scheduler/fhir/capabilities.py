"""The CapabilityStatement: what a client may ask of this interface."""

from __future__ import annotations

from collections.abc import Iterable

from scheduler.fhir.elements import Element, base_url
from scheduler.fhir.kinds import Kind

FHIR_VERSION = "4.3.0"  # R4B
CHANGED_ON = "2026-11-22"  # when this statement last said something else


def statement(kinds: Iterable[Kind]) -> Element:
    """Return the statement."""
    rest = {
        "mode": "server",
        "security": {
            "description": "Authorization: Bearer TOKEN, with an API token that has the permission view."
        },
        "resource": [_resource(kind) for kind in kinds],
    }
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": CHANGED_ON,
        "kind": "instance",
        "software": {"name": "Seriate"},
        "implementation": {"description": "Seriate, scheduling, read-only", "url": base_url()},
        "fhirVersion": FHIR_VERSION,
        "format": ["application/fhir+json", "json"],
        "rest": [rest],
    }


def _resource(kind: Kind) -> Element:
    parameters = {"_id": "token", **kind.parameters}
    return {
        "type": kind.name,
        "interaction": [{"code": "read"}, {"code": "search-type"}],
        "versioning": "no-version",
        "readHistory": False,
        "searchParam": [{"name": name, "type": sort} for name, sort in parameters.items()],
    }
