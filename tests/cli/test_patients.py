import json

from scheduler.services.mail import settings_changes
from tests.cast import NOW
from tests.cli.test_users import run


def test_one_record_is_erased_with_a_reason(app, session, harbor):
    nora = harbor.patients["Nora"]
    refused = run(app, "patients", "erase", nora.public_id, "--reason", " ")
    done = run(app, "patients", "erase", nora.public_id, "--reason", "asked by letter")
    again = run(app, "patients", "erase", nora.public_id, "--reason", "asked by letter")
    session.rollback()

    assert (refused.exit_code, refused.output) == (1, "Error: reason: must not be empty\n")
    assert (done.exit_code, done.output) == (0, f"{nora.public_id} is anonymized\n")
    assert (again.exit_code, nora.given_name) == (1, "Erased")


def test_who_is_kept_no_longer_is_listed_and_then_erased(app, session, harbor):
    nora = harbor.patients["Nora"]
    unset = run(app, "patients", "retention")
    settings_changes.change(session, harbor.actor("mona"), {"retention_years": 10}, NOW)
    nora.created_at = NOW.replace(year=2010)
    session.commit()
    listed = json.loads(run(app, "patients", "retention", "--json").stdout)
    session.rollback()
    before = nora.given_name
    session.rollback()
    erased = json.loads(run(app, "patients", "retention", "--erase", "--json").stdout)
    session.rollback()

    assert unset.output == "records are kept until a person anonymizes them\n"
    assert listed == {"years": 10, "erased": False, "patients": [nora.public_id]}
    assert erased == {"years": 10, "erased": True, "patients": [nora.public_id]}
    assert (before, nora.given_name) == ("Nora", "Erased")
