"""The demo's mailbox: what the mail catcher has kept, to read in the browser. In the demo and in tests only.

The HTML of a mail is a stranger's page: it is shown in a sandboxed frame, from an address with a policy of its own that
allows its inline styles and nothing else.
"""

from __future__ import annotations

import re
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, Flask, Response, abort, current_app, jsonify, render_template, request
from sqlalchemy import select

from scheduler.database import db
from scheduler.demo.mail_catcher import Caught, caught, find, folder_of, since
from scheduler.models import clinic as clinics
from scheduler.models.clinic import Clinic
from scheduler.models.message import Message
from scheduler.models.patient import Patient
from scheduler.notify.words import tongue
from scheduler.services.mail.letters import text_name

bp = Blueprint("mailbox", __name__, url_prefix="/demo")
SHOWN = 200
LINK = re.compile(r"https?://[^\s<>\"]+")
FRAME_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
)


def register(app: Flask) -> None:
    """Add the pages, unless this is production."""
    if app.config["SETTINGS"].app_env != "production":
        app.register_blueprint(bp)


@bp.get("/mailbox")
def index() -> str:
    """List the mails, newest first."""
    to = request.args.get("to") or None
    mails = [(mail, opened(mail)) for mail in islice(since(caught(_folder()), to, None), SHOWN)]
    return render_template("mailbox/index.html", mails=mails, to=to, zone=_zone())


@bp.get("/mailbox.json")
def listing() -> Response:
    """The mails as a test reads them: `to` is an address, `since` an instant; newest first."""
    mails = since(caught(_folder()), request.args.get("to") or None, _instant(request.args.get("since")))
    return jsonify([_document(mail) for mail in islice(mails, SHOWN)])


@bp.get("/mailbox/<mail_id>")
def show(mail_id: str) -> str:
    """One mail: headers, both parts, attachments."""
    mail = _found(mail_id)
    message = opened(mail)
    return render_template(
        "mailbox/mail.html",
        mail=mail,
        message=message,
        text=body(message, "plain"),
        has_html=bool(body(message, "html")),
        calendars=calendars(message),
        zone=_zone(),
    )


@bp.get("/mailbox/<mail_id>.eml")
def source(mail_id: str) -> Response:
    """The mail as it came."""
    answer = Response(_found(mail_id).content(), mimetype="message/rfc822")
    answer.headers["Content-Disposition"] = f'attachment; filename="{mail_id}.eml"'
    return answer


@bp.get("/mailbox/<mail_id>/body")
def frame(mail_id: str) -> Response:
    """The HTML part, for the sandboxed frame; its links open beside it."""
    page = body(opened(_found(mail_id)), "html").replace("<head>", '<head><base target="_blank">', 1)
    answer = Response(page, mimetype="text/html")
    answer.headers["Content-Security-Policy"] = FRAME_POLICY
    return answer


@bp.get("/mailbox/<mail_id>/calendar/<int:number>")
def calendar(mail_id: str, number: int) -> Response:
    """One calendar part, as a file."""
    found = calendars(opened(_found(mail_id)))
    if number >= len(found):
        abort(404)
    answer = Response(found[number].get_payload(decode=True), content_type="text/calendar; charset=utf-8")
    answer.headers["Content-Disposition"] = 'attachment; filename="calendar.ics"'
    return answer


def opened(mail: Caught) -> EmailMessage:
    """Return the mail as a message with its parts."""
    return message_from_bytes(mail.content(), _class=EmailMessage, policy=default)


def body(message: EmailMessage, subtype: str) -> str:
    """Return the text of the plain or html part, empty if there is none."""
    part = message.get_body((subtype,))
    return str(part.get_content()) if part else ""


def calendars(message: EmailMessage) -> list[EmailMessage]:
    return [part for part in message.walk() if part.get_content_type() == "text/calendar"]


def _document(mail: Caught) -> dict[str, Any]:
    message = opened(mail)
    text = body(message, "plain")
    return {
        "id": mail.id,
        "from": str(message["From"]),
        "to": list(mail.recipients),
        "envelope_from": mail.sender,
        "subject": str(message["Subject"]),
        "message_id": str(message["Message-ID"]),
        "received_at": mail.received_at.isoformat(),
        "template": _template(str(message["Message-ID"])),
        "text": text,
        "links": LINK.findall(text),
        "calendars": [part.get_payload(decode=True).decode() for part in calendars(message)],  # type: ignore[union-attr]
    }


def _template(message_id: str) -> dict[str, Any] | None:
    """Return which text in which language a mail is, and about how many visits; None if it is none of ours."""
    session = db.session()
    message = session.scalar(select(Message).where(Message.rfc_message_id == message_id))
    if message is None:
        return None
    patient = session.get(Patient, message.patient_id) if message.patient_id else None
    clinic = session.get_one(Clinic, message.clinic_id)
    language = tongue(patient.language if patient else "en", clinic.zone, clinic.formats).language
    return {"name": text_name(session, message), "language": language, "visits": len(message.subjects)}


def _found(mail_id: str) -> Caught:
    return find(_folder(), mail_id) or abort(404)


def _folder() -> Any:
    return folder_of(current_app.config["SETTINGS"].instance_path)


def _zone() -> ZoneInfo:
    """Return the first clinic's zone: no one needs to be signed in here."""
    every = clinics.every(db.session())
    return every[0].zone if every else ZoneInfo("UTC")


def _instant(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        abort(422, "since must be an instant, such as 2026-11-23T08:00:00+00:00")
    if instant.tzinfo is None:
        abort(422, "since must carry an offset")
    return instant
