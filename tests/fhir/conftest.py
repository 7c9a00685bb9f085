"""Programs that ask for FHIR with the cast's tokens, and the check that an answer is FHIR R4B.

fhir.resources checks shapes and not code values, so the code lists that this interface uses are checked here.
"""

from importlib import import_module

import pytest

from scheduler.database import begin_write
from scheduler.services.account import accounts
from tests.cast import NOW

CODES = {
    ("Appointment", "status"): {
        "proposed", "pending", "booked", "arrived", "fulfilled", "cancelled", "noshow", "entered-in-error",
        "checked-in", "waitlist",
    },
    ("Appointment.participant", "status"): {"accepted", "declined", "tentative", "needs-action"},
    ("Appointment.participant", "required"): {"required", "optional", "information-only"},
    ("Bundle", "type"): {"searchset"},
    ("Bundle.entry.search", "mode"): {"match", "include", "outcome"},
    ("CapabilityStatement", "status"): {"draft", "active", "retired", "unknown"},
    ("CapabilityStatement", "kind"): {"instance", "capability", "requirements"},
    ("CapabilityStatement", "fhirVersion"): {"4.3.0"},
    ("CapabilityStatement.rest", "mode"): {"client", "server"},
    ("CapabilityStatement.rest.resource", "versioning"): {"no-version", "versioned", "versioned-update"},
    ("CapabilityStatement.rest.resource.interaction", "code"): {"read", "search-type"},
    ("CapabilityStatement.rest.resource.searchParam", "type"): {
        "number", "date", "string", "token", "reference", "composite", "quantity", "uri", "special",
    },
    ("CarePlan", "status"): {
        "draft", "active", "on-hold", "revoked", "completed", "entered-in-error", "unknown",
    },
    ("CarePlan", "intent"): {"proposal", "plan", "order", "option"},
    ("Location", "status"): {"active", "suspended", "inactive"},
    ("Location", "mode"): {"instance", "kind"},
    ("OperationOutcome.issue", "severity"): {"fatal", "error", "warning", "information"},
    ("OperationOutcome.issue", "code"): {
        "invalid", "login", "forbidden", "not-found", "not-supported", "transient", "exception",
    },
    ("Patient.link", "type"): {"replaced-by", "replaces", "refer", "seealso"},
    ("Patient.name", "use"): {"usual", "official", "temp", "nickname", "anonymous", "old", "maiden"},
    ("Patient.telecom", "system"): {"phone", "fax", "email", "pager", "url", "sms", "other"},
    ("PlanDefinition", "status"): {"draft", "active", "retired", "unknown"},
    ("PlanDefinition.action.relatedAction", "relationship"): {
        "before-start", "before", "before-end", "concurrent-with-start", "concurrent", "concurrent-with-end",
        "after-start", "after", "after-end",
    },
    ("Slot", "status"): {"busy", "free", "busy-unavailable", "busy-tentative", "entered-in-error"},
}  # fmt: skip
CODE_NAMES = {name for _, name in CODES}


def coded(document, path):
    """Yield (path, name, value) of every text under a name that is a code somewhere."""
    for name, value in document.items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict) and "resourceType" in one:
                yield from coded(one, one["resourceType"])
            elif isinstance(one, dict):
                yield from coded(one, f"{path}.{name}")
            elif name in CODE_NAMES and isinstance(one, str):
                yield path, name, one


def faults(document):
    """Return every code of a resource that is not of its list."""
    listed = [(p, n, v) for p, n, v in coded(document, document["resourceType"]) if (p, n) in CODES]
    return [(path, name, value) for path, name, value in listed if value not in CODES[path, name]]


def check(document):
    """Return a resource that fhir.resources and the code lists accept. Raises otherwise."""
    kind = document["resourceType"]
    module = import_module(f"fhir.resources.R4B.{kind.lower()}")
    getattr(module, kind).model_validate(document)
    assert faults(document) == []
    return document


@pytest.fixture
def fhir(app, session):
    """Return a function that asks as a member of a cast and gives (status, checked document)."""

    def program(cast=None, name=None, **options):
        headers = {}
        if cast is not None:
            session.rollback()
            begin_write(session)
            text = accounts.create_token(session, cast.command, cast.users[name], "test", NOW, **options)[1]
            session.commit()
            headers = {"Authorization": f"Bearer {text}"}
        client = app.test_client()

        def ask(path, method="GET", **more):
            answer = client.open(f"/fhir{path}", method=method, headers={**headers, **more})
            assert answer.mimetype == "application/fhir+json"
            return answer.status_code, check(answer.json)

        return ask

    return program


@pytest.fixture
def rita(fhir, harbor):
    return fhir(harbor, "rita")


@pytest.fixture
def course(session, harbor, nora_course):
    """Nora's course of six infusions, booked."""
    care_plan = nora_course
    session.commit()
    return care_plan
