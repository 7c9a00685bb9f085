"""`flask patients ...`: who is kept no longer, and making a record anonymous."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from scheduler import clock
from scheduler.cli.clinic_option import chosen, clinic_option, commander
from scheduler.cli.output import json_option, say, writing
from scheduler.database import db, empty_log
from scheduler.services.patient import erasure, patients

group = AppGroup("patients", help="Anonymize records.")


@group.command("retention")
@click.option(
    "--erase", is_flag=True, help="Anonymize them now; otherwise the clock does it within the hour."
)
@clinic_option
@json_option
def retention(erase: bool, clinic_key: str | None, as_json: bool) -> None:
    """List the records whose retention period is over (a clinic's setting; none is set at first)."""
    with writing():
        clinic, now = chosen(db.session(), clinic_key), clock.now()
        ids: list[str] = []
        while found := erasure.due(db.session(), clinic, now, erasure.AT_ONCE if erase else 10_000):
            ids += [patient.public_id for patient in found]
            if not erase:
                break
            erasure.erase_due(db.session(), clinic, now)
            click.echo(f"erased {len(ids)}", err=True)
        years = clinic.settings.retention_years
    if erase:
        empty_log(db.engine)
    if not years:
        say("records are kept until a person anonymizes them", {"years": 0, "patients": []}, as_json=as_json)
        return
    verb = "anonymized" if erase else "due to be anonymized"
    lines = "\n".join(f"  {one}" for one in ids)
    values = {"years": years, "erased": erase, "patients": ids}
    say(f"{len(ids)} records are {verb} ({years} years)\n{lines}".rstrip(), values, as_json=as_json)


@group.command("erase")
@click.argument("patient_id")
@click.option("--reason", required=True, help="Reason, for the audit trail; no patient names.")
@clinic_option
@json_option
def erase(patient_id: str, reason: str, clinic_key: str | None, as_json: bool) -> None:
    """Make one patient's record anonymous, for good."""
    with writing():
        actor = commander(chosen(db.session(), clinic_key))
        patient = patients.get(db.session(), actor.clinic, patient_id)
        erasure.erase(db.session(), actor, patient, reason, clock.now())
    empty_log(db.engine)
    say(f"{patient_id} is anonymized", {"patient": patient_id, "erased": True}, as_json=as_json)
