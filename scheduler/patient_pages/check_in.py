"""How are you, the day after: the PHQ-2, a mood from 0 to 10, and a word. Every question may be left out.

The form is always empty: what was answered before is not shown to the holder of a link.
"""

from __future__ import annotations

from flask import Response, request

from scheduler.database import db
from scheduler.errors import Invalid
from scheduler.models.visit_answer import check_in_of
from scheduler.patient_pages.opening import bp, gone_to, opened, shown
from scheduler.services.patient import patient_answers
from scheduler.services.patient.self_service import TooLate

CHECK_IN = "/visits/<token>/appointments/<visit_id>/check-in"


@bp.get(CHECK_IN)
def ask_check_in(token: str, visit_id: str) -> Response:
    page = opened(token)
    visit = page.visit(visit_id)
    return shown(
        "patient_pages/check_in.html",
        page,
        visit=visit,
        answered=check_in_of(db.session(), visit) is not None,
    )


@bp.post(CHECK_IN)
def tell_check_in(token: str, visit_id: str) -> Response:
    page = opened(token)
    visit = page.visit(visit_id)
    page.check(visit, "check-in")
    if visit.end_at > page.now or visit.kind not in page.clinic.settings.check_in_kinds:
        raise TooLate
    try:
        patient_answers.check_in(db.session(), page.actor, visit, page.now, request.form)
    except Invalid as refused:
        db.session.rollback()
        return shown("patient_pages/check_in.html", page, refused.status, visit=visit, answered=False)
    return gone_to(page, "check-in")
