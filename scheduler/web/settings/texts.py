"""The words of the mails: what there is, an editor for each with a preview, and back to ours.

The preview is a page with a policy of its own (inline styles, nothing else) in a sandboxed frame, as in the demo's
mailbox; the editor's form is posted into that frame.
"""

from __future__ import annotations

from flask import Response, render_template, request, url_for
from markupsafe import escape
from werkzeug.wrappers import Response as AnyResponse

from scheduler import clock
from scheduler.database import db
from scheduler.errors import Invalid
from scheduler.notify.texts import BadMailText
from scheduler.services.mail import mail_texts
from scheduler.services.mail.mail_texts import Text
from scheduler.web.current import actor
from scheduler.web.settings.blueprint import bp, by_field, saved
from scheduler.web.shell import may

LONGEST = 4000
FRAME_POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'self'",
        "sandbox",
    )
)
PLAIN = "margin: 0 auto; max-width: 560px; padding: 16px; font-size: 13px; white-space: pre-wrap"


@bp.get("/texts")
@may("settings")
def texts() -> str:
    return render_template("settings/texts.html", texts=mail_texts.every(actor().clinic))


@bp.get("/texts/<kind>/<language>")
@may("settings")
def text(kind: str, language: str) -> str:
    return _editor(mail_texts.find(actor().clinic, kind, language))


@bp.post("/texts/<kind>/<language>")
@may("settings")
def save_text(kind: str, language: str) -> AnyResponse | tuple[str, int]:
    found = mail_texts.find(actor().clinic, kind, language)
    try:
        mail_texts.save(db.session(), actor(), found, _body(), clock.now())
    except Invalid as refusal:
        db.session.rollback()
        return _editor(mail_texts.find(actor().clinic, kind, language), refusal), refusal.status
    return saved(".texts")


@bp.post("/texts/<kind>/<language>/reset")
@may("settings")
def reset_text(kind: str, language: str) -> AnyResponse:
    found = mail_texts.find(actor().clinic, kind, language)
    mail_texts.reset(db.session(), actor(), found, clock.now())
    return saved(".texts", "Default text restored.")


@bp.post("/texts/<kind>/<language>/preview")
@may("settings")
def preview_text(kind: str, language: str) -> Response:
    """Show the mail with the words of the form, or why it cannot be; nothing is saved."""
    found = mail_texts.find(actor().clinic, kind, language)
    return _frame(found, _body())


@bp.get("/texts/<kind>/<language>/preview")
@may("settings")
def first_preview(kind: str, language: str) -> Response:
    """Show the mail with the words that are in use."""
    found = mail_texts.find(actor().clinic, kind, language)
    return _frame(found, found.body)


def _frame(found: Text, body: str) -> Response:
    try:
        sample = mail_texts.sample(actor().clinic, found, body, clock.now())
    except BadMailText as wrong:
        page = (
            f'<!doctype html><html lang="en"><title>Preview</title><p role="alert">{escape(wrong)}</p></html>'
        )
    else:
        plain = f'<pre style="{PLAIN}">{escape(sample.text)}</pre>'
        page = sample.html.replace("</body>", f"{plain}</body>", 1)
    answer = Response(page, mimetype="text/html")
    answer.headers["Content-Security-Policy"] = FRAME_POLICY
    return answer


def _editor(found: Text, refusal: Invalid | None = None) -> str:
    return render_template(
        "settings/text.html",
        text=found,
        body=_body() if refusal else found.body,
        errors=by_field(refusal),
        preview=url_for(".first_preview", kind=found.kind, language=found.language),
    )


def _body() -> str:
    return request.form.get("body", "")[:LONGEST]
