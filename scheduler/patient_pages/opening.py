"""Opening a private page: from the token to the patient, the clinic, the language, and one of the visits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, g, make_response, render_template, request, url_for
from sqlalchemy import or_, select

from scheduler import clock
from scheduler.database import begin_write, db
from scheduler.domain.formats import USUAL
from scheduler.domain.localtime import local_on
from scheduler.domain.settings import VisitTypes
from scheduler.domain.status import OCCUPYING
from scheduler.http.signing import keys
from scheduler.ical.entries import called
from scheduler.models.appointment import Appointment, common_site
from scheduler.models.clinic import Clinic
from scheduler.models.patient import Patient
from scheduler.models.site import contact_of
from scheduler.notify.words import LANGUAGES, Tongue, tongue
from scheduler.patient_pages.words import say
from scheduler.services import private_links
from scheduler.services.actors import Actor
from scheduler.services.patient.self_service import Choices, Marked, check_mark, choices, mark
from scheduler.services.private_links import Closed
from scheduler.transactions import SAFE

bp = Blueprint("patient_pages", __name__)
MAP = "https://www.google.com/maps/search/?api=1&query="
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
}


class NoSuchPage(Exception):
    """The token opens nothing here, or no longer does."""

    def __init__(self, closed: Closed | None = None) -> None:
        self.closed = closed
        super().__init__(closed or "unknown")


@dataclass(frozen=True)
class Opened:
    """A private page that is open: whose, where, in which language, at what time."""

    token: str
    patient: Patient
    clinic: Clinic
    speech: Tongue
    about: tuple[Appointment, ...]
    message_id: int
    now: datetime

    @property
    def actor(self) -> Actor:
        return Actor(self.clinic, None, None, "patient", address=request.remote_addr or "")

    def visit(self, public_id: str) -> Appointment:
        """Return one of the patient's visits. Raises NoSuchPage for anybody else's."""
        query = select(Appointment).where(
            Appointment.patient_id == self.patient.id, Appointment.public_id == public_id, _shown(self.clinic)
        )
        found = db.session.scalar(query)
        if found is None:
            raise NoSuchPage
        return found

    def visits(self) -> list[Appointment]:
        """Return the visits ahead, and those that the link is about even if they are off, in order of time."""
        about = [one.id for one in self.about]
        query = select(Appointment).where(
            Appointment.patient_id == self.patient.id,
            _shown(self.clinic),
            Appointment.end_at > self.now,
            or_(Appointment.status.in_(OCCUPYING), Appointment.id.in_(about)),
        )
        return list(db.session.scalars(query.order_by(Appointment.start_at, Appointment.id)))

    def choices(self, visit: Appointment) -> Choices:
        return choices(db.session(), self.clinic, visit, self.now)

    def say(self, key: str, **named: str) -> str:
        return say(self.speech.language, key, **named)

    def mark(self, about: Marked, answer: str) -> str:
        return mark(keys(), self.token, about, answer)

    def check(self, about: Marked, answer: str, given: str | None = None) -> None:
        """Raise OldForm unless the form's mark, or the given one, is for this answer about things as they are."""
        mark_of_form = request.form.get("mark", "") if given is None else given
        check_mark(keys(), self.token, about, answer, mark_of_form)


def opened(token: str, purposes: Sequence[str] = (private_links.VISITS,), even_over: bool = False) -> Opened:
    """Return the page of a token made for one of these purposes. Raises NoSuchPage.

    The opening is recorded in the audit trail before anything is shown or changed, once a day. A request that may
    write locks the patient, so that it either comes before the end of their links or is refused.
    """
    now, writes = clock.now(), request.method not in SAFE
    page = find(token, purposes, now, for_update=writes)
    if page.closed is Closed.ENDED or (page.closed and not even_over):
        raise NoSuchPage(page.closed)
    found = as_opened(token, page, now)
    if page.message.opened_on != local_on(now, found.clinic.zone):
        db.session.rollback()
        begin_write(db.session())
        private_links.note_opening(db.session(), found.actor, page, now)
        db.session.commit()
        if writes:
            begin_write(db.session())
        return opened(token, purposes, even_over)
    return found


def find(
    token: str, purposes: Sequence[str], now: datetime, *, for_update: bool = False
) -> private_links.PrivatePage:
    """Return what a token for one of these purposes was made for, open or closed. Raises NoSuchPage."""
    page = private_links.open_page(db.session(), keys(), token, now, for_update=for_update)
    if page is None or page.token.purpose not in purposes:
        raise NoSuchPage
    return page


def as_opened(token: str, page: private_links.PrivatePage, now: datetime) -> Opened:
    """Return the page in its patient's language and clinic."""
    clinic = db.session.get_one(Clinic, page.patient.clinic_id)
    speech = tongue(_language(page.patient.language), clinic.zone, clinic.formats)
    return Opened(token, page.patient, clinic, speech, page.appointments, page.message.id, now)


def shown(template: str, page: Opened, status: int = 200, **values: Any) -> Response:
    """Return a page of this patient."""
    named = {
        "page": page,
        "patient": page.patient,
        "clinic": page.clinic,
        "clinic_name": called(page.clinic),
        "shows_types": page.clinic.settings.visit_types != VisitTypes.NOWHERE.value,
        "here": contact_of(page.clinic, common_site(page.about)),
        "place_at": lambda visit: contact_of(page.clinic, common_site([visit])),
        "map_of": lambda address: MAP + quote(address, safe=""),
        "home": url_for("patient_pages.show", token=page.token, lang=_kept().get("lang")),
    }
    return plain(template, page.speech, status, **(named | values))


def plain(template: str, speech: Tongue, status: int = 200, **values: Any) -> Response:
    """Return a page in a language, without what pages of staff show and without looking at a session."""
    g.frameless = True
    language = speech.language
    text = render_template(
        template,
        speech=speech,
        language=language,
        other_language=next(one for one in LANGUAGES if one != language),
        say=lambda key, **named: say(language, key, **named),
        kept=_kept(),
        **values,
    )
    response = make_response(text, status)
    response.headers.update(HEADERS)
    return response


def _language(own: str) -> str:
    asked = request.args.get("lang", "")
    return asked if asked in LANGUAGES else own


def _kept() -> dict[str, str]:
    """Return what a link on the page carries on: the language, if another was asked for."""
    asked = request.args.get("lang", "")
    return {"lang": asked} if asked in LANGUAGES else {}


def _shown(clinic: Clinic) -> Any:
    return Appointment.visible if not clinic.settings.show_hidden_visits else Appointment.id.is_not(None)


def spoken(language: str = "en") -> Tongue:
    """Return the language of a page that belongs to no one yet: asked for, else the browser's."""
    asked = _language(request.accept_languages.best_match(LANGUAGES) or language)
    return tongue(asked, ZoneInfo("Etc/UTC"), USUAL)


@bp.errorhandler(NoSuchPage)
def no_such_page(error: NoSuchPage) -> Response:
    """Answer a link that opens nothing, or no longer does: how to get a fresh one."""
    db.session.rollback()
    return plain(
        "patient_pages/closed.html", spoken(), 410 if error.closed else 404, why=error.closed or "unknown"
    )


def gone_to(page: Opened, what: str | None = None, endpoint: str = "done") -> Response:
    """Keep what was answered and lead to the page that says so."""
    db.session.commit()
    address = url_for(f"patient_pages.{endpoint}", token=page.token, what=what, lang=_kept().get("lang"))
    response = make_response("", 303)
    response.headers["Location"] = address
    response.headers.update(HEADERS)
    return response
