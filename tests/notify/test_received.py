"""No mail that a stranger writes takes more than moderate time, and none stops those after it."""

import time

import pytest

from scheduler.notify import received
from scheduler.notify.received import Unreadable, without_tags
from scheduler.services.patient.incoming_mail import receive
from tests.cast import NOW

SECONDS = 3.0  # of a processor; the worst took minutes
HEAD = "From: {sender}\nTo: desk@clinic.example\nSubject: hello\nContent-Type: {type}\n{more}\n"
REPORT = "--b\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\n\n--b\n\n{text}\n--b--\n"
UNREADABLE, PERSON = "for a person: unreadable", "for a person"
COMPLAINT, NOTICE = "a complaint about no known mail", "for a person: an unclear notice"


def mail(text="", type="text/plain", sender="a@example.org", more=""):
    return HEAD.format(sender=sender, type=type, more=more) + text


def complaint(text):
    return mail(REPORT.format(text=text), "multipart/report; report-type=feedback-report; boundary=b")


def nested(levels):
    return "".join(mail(f"--b{level}\n", f"multipart/mixed; boundary=b{level}") for level in range(levels))


BOMBS = {
    "tags that never end": (mail("<a " * 30_000, "text/html"), PERSON),
    "comments that never end": (mail("<!--" * 30_000, "text/html"), PERSON),
    "a header with thousands of parameters": (
        mail("x", "text/plain; " + "; ".join(f"a{one}=b" for one in range(9_000))),
        UNREADABLE,
    ),
    "long headers in many parts": (
        mail("--b\nContent-Type: text/plain; " + "; a=b" * 350 + "\n\nx\n", "multipart/mixed; boundary=b")
        * 90,
        UNREADABLE,
    ),
    "parts in parts": (nested(3_000), UNREADABLE),
    "a hundred thousand parts": (mail("--b\n\nx\n" * 100_000, "multipart/mixed; boundary=b"), UNREADABLE),
    "ids that never end": (complaint("<0123456789abcdef@" * 15_000), COMPLAINT),
    "ten thousand ids": (complaint("\n".join(f"<{one:016}@x>" for one in range(10_000))), COMPLAINT),
    "ten thousand recipients": (
        mail(more="X-Failed-Recipients: " + ",\n ".join(f"u{one}@x.org" for one in range(10_000)) + "\n"),
        UNREADABLE,
    ),
    "a slow encoding": (mail("a" * 200_000 + "-" + "a" * 200_000, "text/plain; charset=punycode"), PERSON),
    "ten thousand events": (
        mail(
            "BEGIN:VCALENDAR\nMETHOD:REPLY\n"
            + "".join(f"BEGIN:VEVENT\nUID:{one}\nEND:VEVENT\n" for one in range(9_000)),
            "text/calendar; method=REPLY",
        ),
        PERSON,
    ),
    "a report of many blocks": (mail("A: b\n\n" * 14_000, "message/delivery-status"), PERSON),
}


@pytest.mark.parametrize("name", BOMBS)
def test_no_mail_takes_long_or_stops_those_after_it(session, harbor, name):
    content, said = BOMBS[name]
    began = time.process_time()
    taken_in = receive(session, content.encode(), NOW)

    assert taken_in == said
    assert time.process_time() - began < SECONDS


def test_mail_as_people_write_it_is_parsed():
    photo = "\n".join(["aGVsbG8g" * 9] * 12_000)
    parts = "".join(
        f"--b\nContent-Type: image/png; name=photo{one}.png\n\n{photo[:3000]}\n" for one in range(30)
    )
    text = "\n".join(["-- ", "Kind regards", *(["    indented: as code"] * 100), *(["--------"] * 50)])
    content = mail(
        f"--b\n\n{text}\n{parts}--b\nContent-Type: image/png\n\n{photo}", "multipart/mixed; boundary=b"
    )
    found = received.parse(content.encode())

    assert received.text_of(found.get_body(("plain",))).endswith("--------")
    assert len(list(found.iter_attachments())) == 31
    with pytest.raises(Unreadable):
        received.parse(mail(more="References: " + "<a@b> " * 2_000 + "\n").encode())


@pytest.mark.parametrize(
    ("page", "shown"),
    [
        ("<style>p { x: y }</style><p>Yes<br>I come</p>", "Yes \nI come"),
        ("<!doctype html><title>No</title><div>Fish &amp; chips</div>", "Fish & chips"),
        ("<script>if (a < b) { }</script>a < b, c > d", "a < b, c > d"),
        ("<p class='x'>one<!-- no --> two</p>", "one two"),
        ("<style>never ends", ""),
    ],
)
def test_html_is_read_as_it_is_shown(page, shown):
    assert without_tags(page) == shown
