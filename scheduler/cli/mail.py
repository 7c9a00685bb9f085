"""`flask mail ...`: incoming mail, handed in by a mail server, and whether mail is delivered."""

from __future__ import annotations

import logging
import os
import sys
from functools import partial

import click
from flask import current_app
from flask.cli import AppGroup

from config import Settings, domain_of
from scheduler import clock
from scheduler.cli.output import json_option, say, writing
from scheduler.database import db
from scheduler.models.columns import new_public_id
from scheduler.services.mail import channels
from scheduler.services.patient.incoming_mail import NoClinic
from scheduler.services.patient.incoming_mail import receive as take_in

log = logging.getLogger(__name__)

group = AppGroup("mail", help="Incoming mail, and whether mail is delivered.")


@group.command("receive")
def receive() -> None:
    """Take one mail from standard input, as a mail server's alias or filter hands it over.

    Exits 75 (EX_TEMPFAIL) when it could not be stored: a mail server then keeps the mail and tries again.
    """
    content = sys.stdin.buffer.read()
    try:
        with writing():
            what = take_in(db.session(), content, clock.now())
    except NoClinic:
        click.echo("no clinic yet: the mail is left with the mail server", err=True)
        sys.exit(os.EX_TEMPFAIL)
    except Exception:
        log.exception("a mail could not be stored, and is left with the mail server")
        sys.exit(os.EX_TEMPFAIL)
    click.echo(what)


@group.command("check")
@click.option(
    "--to", "outside", metavar="ADDRESS", help="Also send a mail to this address, for you to look at."
)
@click.option("--dns", "name_server", metavar="HOST[:PORT]", help="Ask this name server, not this machine's.")
@click.option("--wait", default=60.0, show_default=True, help="Seconds for the mail to arrive in the inbox.")
@json_option
def check(outside: str | None, name_server: str | None, wait: float, as_json: bool) -> None:
    """Check that mail is delivered: what the DNS says of the sender (SPF, DKIM, DMARC), and a mail to the inbox.

    Exits 1 when something is wrong. `flask status` warns in production until this has been run with the settings.
    """
    from scheduler.notify import dkim_signing, probe, sender_records  # noqa: PLC0415  (dnspython: no other command needs it)

    settings: Settings = current_app.config["SETTINGS"]
    dns = sender_records.Dns(name_server)
    found = sender_records.check_records(dns, domain_of(settings.mail_from), settings.dkim)
    sign = partial(dkim_signing.signed, settings.dkim) if settings.dkim else bytes
    sending = probe.Probe(
        settings.smtp, settings.smtp_final_wait, settings.mail_from, sign, new_public_id(), clock.now()
    )
    if settings.inbox:
        found += probe.check_inbox(sending, settings.inbox, dns, wait)
    elif settings.inbox_alias:
        words = (
            f"The mail server hands mail to flask mail receive. Write to {sending.tagged} from elsewhere: the mail "
            "must then be listed under Requests."
        )
        found.append(sender_records.Finding("Inbox", sender_records.CheckState.WARNING, words))
    else:
        words = (
            "No inbox is read (INBOX_URL): bounces and calendar answers are lost, and no mail could be tried."
        )
        found.append(sender_records.Finding("Inbox", sender_records.CheckState.WARNING, words))
    if outside:
        found.append(probe.check_sending(sending, outside))
    faults = [one.name for one in found if one.state is sender_records.CheckState.FAULT]
    with writing():
        channels.note_check(db.session(), settings.mail_digest, faults, clock.now())
    lines = [f"{one.state:8}{one.name}: {one.words}" for one in found]
    values = [{"name": one.name, "state": one.state, "words": one.words} for one in found]
    say("\n".join(lines), {"checks": values, "faults": faults}, as_json=as_json)
    if faults:
        sys.exit(1)
