"""What is needed to put a private calendar into a program: its addresses, a button for each program, a QR code."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

import qrcode

from scheduler.services.feed.feeds import addresses

GOOGLE = "https://calendar.google.com/calendar/render?cid="
OUTLOOK = "https://outlook.live.com/calendar/0/addfromweb?url="
OFFICE = "https://outlook.office.com/calendar/0/addfromweb?url="  # accounts of work or school
PROGRAMS = (  # what a client calls itself, and what people call it; the first that is found counts
    ("google", "Google Calendar"),
    ("microsoft", "Outlook"),
    ("outlook", "Outlook"),
    ("exchange", "Outlook"),
    ("thunderbird", "Thunderbird"),
    ("dataaccessd", "Apple Calendar"),
    ("calendaragent", "Apple Calendar"),
    ("icalendar/", "Apple Calendar"),
    ("remindd", "Apple Calendar"),
    ("evolution", "GNOME Calendar"),
    ("icsx", "ICSx5"),
    ("davx", "DAVx5"),
    ("vdirsyncer", "vdirsyncer"),
)


@dataclass(frozen=True, slots=True)
class SubscriptionLinks:
    """A fresh address in the forms that programs take; `path` draws the dark cells of a QR code `width` cells wide."""

    url: str
    webcal: str
    google: str
    outlook: str
    office: str
    width: int
    path: str


def offer(public_url: str, token: str) -> SubscriptionLinks:
    """Return all that a page shows once about a token."""
    url, webcal = addresses(public_url, token)
    width, path = drawn(webcal)
    return SubscriptionLinks(
        url,
        webcal,
        GOOGLE + quote(webcal, safe=""),
        OUTLOOK + quote(url, safe=""),
        OFFICE + quote(url, safe=""),
        width,
        path,
    )


def drawn(text: str) -> tuple[int, str]:
    """Return a QR code as the width of a square and the path of its dark cells."""
    code = qrcode.QRCode(border=4)
    code.add_data(text)
    cells = code.get_matrix()
    path = "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(cells) for x, dark in enumerate(row) if dark)
    return len(cells), path


def program(client: str) -> str:
    """Return what people call a client that names itself so: one that is known, or the first word it says, if any."""
    said = client.lower()
    known = next((name for sign, name in PROGRAMS if sign in said), None)
    return known or client.partition("/")[0].partition(" ")[0][:40]
