"""The whole API with made-up input (schemathesis): no 5xx, and nothing that the document does not promise.

Made-up ids would only ever find nothing, so ids in addresses and bodies become those of real things.
"""

import os
from contextvars import Context

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from scheduler.api.operations import CALLS
from tests.cast import NOW

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "3"))
SEED = int(os.environ.get("SEED", "1"))


@pytest.mark.parametrize("name", ["ada", None])
def test_nothing_breaks_and_nothing_is_undocumented(api, harbor, wishes, app, name):
    import schemathesis  # noqa: PLC0415  (a second of each process of the run, for the one that needs it)
    from schemathesis.checks import not_a_server_error  # noqa: PLC0415
    from schemathesis.specs.openapi import checks  # noqa: PLC0415

    kept = (
        not_a_server_error,
        checks.status_code_conformance,
        checks.content_type_conformance,
        checks.response_headers_conformance,
        checks.response_schema_conformance,
    )
    ada = api(harbor, "ada")
    ids = real_ids(harbor, ada, wishes)
    headers = ada.headers if name else {}
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)
    operations = [result.ok() for result in schema.get_all_operations()]
    for operation in operations:
        fuzz(operation, headers, ids, kept)

    assert app.extensions["clock"].now() == NOW
    assert len(operations) == len(CALLS)


def fuzz(operation, headers, ids, kept):
    @seed(SEED)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def ask(case):
        case.path_parameters = {name: ids.get(name, value) for name, value in case.path_parameters.items()}
        if isinstance(case.body, dict):
            case.body = {name: ids.get(name, value) for name, value in case.body.items()}
        response = Context().run(case.call, headers=headers)
        case.validate_response(response, checks=kept)
        if not headers:
            assert response.status_code == 401

    ask()


def real_ids(harbor, ada, wishes):
    token = ada.post("/proposals", wishes()).json["items"][0]["token"]
    course = ada.post("/care-plans", {"token": token}).json
    window = {"start": "2026-12-28T00:00:00-05:00", "end": "2026-12-29T00:00:00-05:00"}
    nina = harbor.people["Nina"].public_id
    return {
        "patient_id": course["patient_id"],
        "care_plan_id": course["id"],
        "appointment_id": course["appointments"][0]["id"],
        "name": "consent",
        "plan_definition": "therapy-6",
        "practitioner_id": nina,
        "location_id": harbor.places["Chair 1"].public_id,
        "site_id": harbor.places["Chair 1"].site.public_id,
        "closure_id": ada.post("/closures", window).json["id"],
        "leave_id": ada.post(f"/practitioners/{nina}/leave", window).json["id"],
        "feed_id": ada.post("/feeds", {}).json["id"],
        "message_id": ada.get("/messages").json["items"][0]["id"],
    }
