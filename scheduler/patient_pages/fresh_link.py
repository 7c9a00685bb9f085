"""`/visits`: a fresh link for someone whose link is lost or over, mailed to an address that we know.

Everybody gets the same answer, so the page tells no one who is a patient here.
"""

from __future__ import annotations

from flask import Response, request

from scheduler import clock
from scheduler.database import db
from scheduler.patient_pages.opening import bp, plain, spoken
from scheduler.services import limits
from scheduler.services.limits import HOUR, Limit
from scheduler.services.patient import fresh_links

ASKED = Limit("fresh-links", most=20, per=HOUR)  # per address that asks


@bp.get("/visits")
def ask() -> Response:
    return plain("patient_pages/ask.html", spoken(), sent=False)


@bp.post("/visits")
def send() -> Response:
    now = clock.now()
    if limits.hit(db.session(), ASKED, limits.network(request.remote_addr), now) <= ASKED.most:
        fresh_links.send(db.session(), request.form.get("email", ""), now)
    db.session.commit()
    return plain("patient_pages/ask.html", spoken(), sent=True)
