"""What each address shows of patients, for the access audit."""

from __future__ import annotations

from scheduler.http.access import PATIENT, Shows, listing, nothing

SHOWS: dict[str, Shows] = {
    "fhir.read": PATIENT,
    "fhir.search": listing("FHIR"),
    "fhir.metadata": nothing("what the interface can do"),
    "fhir.elsewhere": nothing("refuses what there is not"),
}
