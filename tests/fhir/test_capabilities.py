def test_the_statement_names_every_kind_and_needs_no_token(fhir):
    status, statement = fhir()("/metadata")

    kinds = {one["type"]: [p["name"] for p in one["searchParam"]] for one in statement["rest"][0]["resource"]}
    assert (status, statement["fhirVersion"]) == (200, "4.3.0")
    assert kinds == {
        "Appointment": ["_id", "date", "patient", "practitioner", "location", "actor", "status"],
        "CarePlan": ["_id", "patient", "subject", "status"],
        "Location": ["_id", "name", "status"],
        "Patient": ["_id", "name", "birthdate", "email"],
        "PlanDefinition": ["_id", "name", "title", "status", "version"],
        "Practitioner": ["_id", "name", "active"],
        "Schedule": ["_id", "actor", "active"],
        "Slot": ["_id", "schedule", "start", "status"],
    }
