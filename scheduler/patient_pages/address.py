"""Confirming a new email address, by the link that was mailed to it. The page shows nothing of the patient."""

from __future__ import annotations

from flask import Response

from scheduler import clock
from scheduler.database import db
from scheduler.domain.text import masked_address
from scheduler.models import address_change
from scheduler.models.address_change import AddressChange
from scheduler.patient_pages.opening import NoSuchPage, Opened, as_opened, bp, find, gone_to, opened, shown
from scheduler.services import private_links
from scheduler.services.patient import address_changes
from scheduler.services.patient.self_service import OldForm
from scheduler.services.private_links import Closed

PATH = "/visits/<token>/address"
PURPOSE = (private_links.ADDRESS,)


@bp.get(PATH)
def ask_address(token: str) -> Response:
    now = clock.now()
    page = find(token, PURPOSE, now)
    change = address_change.of_message(db.session(), page.message.id)
    if change is not None and change.confirmed_at is not None and page.patient.email == change.wanted:
        # its link has ended with the confirmation, and anyone who opens it again should not read that it failed
        return shown("patient_pages/address.html", as_opened(token, page, now), done=True)
    return _question(*_open(token))


@bp.post(PATH)
def confirm_address(token: str) -> Response:
    page, change = _open(token)
    try:
        page.check(change, "address")
    except OldForm as refused:
        return _question(page, change, refused.status)
    address_changes.confirm(db.session(), page.actor, change, page.now)
    return gone_to(page, endpoint="ask_address")


def _question(page: Opened, change: AddressChange, status: int = 200) -> Response:
    values = {"done": False, "change": change, "address": masked_address(change.wanted)}
    return shown("patient_pages/address.html", page, status, **values)


def _open(token: str) -> tuple[Opened, AddressChange]:
    """Return the page and the change that still waits for its confirmation. Raises NoSuchPage."""
    page = opened(token, PURPOSE)
    change = address_change.of_message(db.session(), page.message_id)
    if change is None or not address_changes.is_open(change, page.now):
        raise NoSuchPage(Closed.ENDED)
    return page, change
