"""What a page costs on a slow line: its bytes with every file it loads, and the requests before it can be drawn."""

import gzip
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

import pytest

from scheduler.models.user import User
from scheduler.services.account.accounts import set_password
from tests.cast import PASSWORD
from tests.pages.addresses import of_the_patient

BROWSER = {"Accept-Encoding": "gzip, deflate, br", "Sec-Fetch-Site": "same-origin"}
BOARD, PATIENTS_PAGE = 130_000, 60_000  # bytes
BEFORE_PAINT = 8  # requests
IMPORT = re.compile(r'from "(\./[^"]+)"')


@dataclass
class Loads(HTMLParser):
    """The files that a page names; `blocking` those without which it is not drawn."""

    files: list[str] = field(default_factory=list)
    blocking: list[str] = field(default_factory=list)

    def __post_init__(self):
        super().__init__()

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        address = (
            given.get("src") if tag in ("script", "img") else given.get("href") if tag == "link" else None
        )
        if (
            not address
            or address.startswith("data:")
            or given.get("rel") not in (None, "icon", "preload", "stylesheet")
        ):
            return
        self.files.append(address)
        if given.get("rel") == "stylesheet" or (tag == "script" and not {"defer", "type"} & set(given)):
            self.blocking.append(address)


@pytest.fixture
def weigh(client):
    """Return the bytes of a page with its files as they are sent, and how many requests come before it is drawn."""

    def weigh(path):
        answer = client.get(path, headers=BROWSER)
        assert answer.status_code == 200
        assert answer.headers["Content-Encoding"] == "gzip"
        page = Loads()
        page.feed(gzip.decompress(answer.data).decode())
        files, weights = list(page.files), {path: len(answer.data)}
        for address in files:
            if address in weights:
                continue
            with client.get(address, headers=BROWSER) as file:
                assert file.status_code == 200, address
                weights[address] = len(file.data)
                packed = file.headers.get("Content-Encoding") == "gzip"
                text = gzip.decompress(file.data) if packed else b""
            if ".js" in address:
                files.extend(urljoin(address, found) for found in IMPORT.findall(text.decode()))
        preloaded = sum(".woff2" in address for address in page.files)
        return sum(weights.values()), 1 + len(set(page.blocking)) + preloaded, weights

    return weigh


def test_the_board_fits_a_slow_line(session, tuesday, client, weigh):
    user = session.query(User).filter_by(email="desk@demo.seriate.example").one()
    set_password(session, user, PASSWORD)
    session.commit()
    client.application.config["WTF_CSRF_ENABLED"] = False
    client.post("/login", data={"email": user.email, "password": PASSWORD})
    weight, requests, weights = weigh("/board/2026-11-24")

    assert weight <= BOARD, weights
    assert requests <= BEFORE_PAINT


def test_the_patients_page_fits_a_slow_line(session, staffed, nora_course, client, weigh):
    weight, requests, weights = weigh(of_the_patient(session, staffed, nora_course)[2])

    assert weight <= PATIENTS_PAGE, weights
    assert requests <= BEFORE_PAINT
