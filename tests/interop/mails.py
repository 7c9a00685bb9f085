"""Every kind of mail in every language, complete as it leaves: what programs of the system read."""

from datetime import UTC, datetime

from scheduler.notify.layout import Paragraph, as_html, as_text, blocks
from scheduler.notify.mail import CalendarPart, Mail, as_bytes
from scheduler.notify.texts import filled, text_of
from scheduler.services.mail.calendar_objects import ADD_TO_CALENDAR, NOTES, CalendarNote
from scheduler.services.mail.letters import FOOTER
from tests.notify.test_without_styles import FIRST, OFF, VALUES

WITH_INVITATION = ("confirmation", "change", "same-hour", "reinstated")
REMINDING = ("reminder", "requirement-missing", "driver", "check-in", "booster")
LINKS = {
    "link": "https://schedule.harborclinic.com/visits/" + "k" * 80,
    "action_link": "https://schedule.harborclinic.com/key/" + "k" * 80,
}
# as a server of another provider hands it over
RECEIVED = (
    b"Received: from mail.harborclinic.com (mail.harborclinic.com [93.184.216.34])\r\n"
    b"\tby mx.example.org with ESMTPS id 4abc for <nora@example.org>; Mon, 30 Nov 2026 13:00:09 +0000\r\n"
)


def mail_of(language: str, kind: str, *, several: bool = False, calendar: bytes | None = None) -> bytes:
    """Return a mail as it arrives, about one visit or two."""
    words, visits = text_of(kind, language), [FIRST, OFF] if several else [FIRST]
    note = NOTES[language][CalendarNote.INVITATION] if calendar else ""
    values = {**VALUES, **LINKS, "patient": "Nora", "calendar_note": note, "count": str(len(visits))}
    feed = [Paragraph(ADD_TO_CALENDAR[language], LINKS["link"])] if several else []
    found = blocks(words.paragraphs, values, visits, feed)
    subject = filled(words.subject_many if several else words.subject, values)
    reminding = kind.removeprefix("proxy-").startswith(REMINDING)
    headers = {
        "List-Unsubscribe": f"<{LINKS['action_link']}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    mail = Mail(
        sender='"Harbor Clinic" <desk@harborclinic.com>',
        recipient="nora@example.org",
        subject=subject,
        text=as_text(found, FOOTER[language], language),
        html=as_html(found, FOOTER[language], subject, language),
        dated_at=datetime(2026, 11, 30, 13, 0, tzinfo=UTC),
        message_id="<abcdefghjkmnpqrs@harborclinic.com>",
        reply_to="desk@harborclinic.com",
        calendars=(CalendarPart(calendar, "REQUEST"),) if calendar else (),
        more_headers=headers if reminding else {},
    )
    return RECEIVED + as_bytes(mail)
