"""Pages are compressed, but never when another site led to them."""

import gzip

import pytest
from flask import Flask, Response

from scheduler.http import compression

PAGE = "<p>Nora Quist</p>" * 100
TAKES = {"Accept-Encoding": "gzip, br"}


@pytest.fixture
def client():
    app = Flask(__name__)
    compression.register(app)
    app.add_url_rule("/page", "page", lambda: PAGE)
    app.add_url_rule("/short", "short", lambda: "<p>Nora Quist</p>")
    app.add_url_rule("/lines", "lines", lambda: Response((PAGE for _ in range(3)), mimetype="text/html"))
    app.add_url_rule("/file", "file", lambda: Response(PAGE, mimetype="text/csv"))
    app.add_url_rule("/visits", "patient_pages.show", lambda: PAGE)
    return app.test_client()


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_a_page_is_compressed(client, site):
    answer = client.get("/page", headers={**TAKES, "Sec-Fetch-Site": site})

    assert answer.headers["Content-Encoding"] == "gzip"
    assert len(answer.data) < len(PAGE) / 4
    assert int(answer.headers["Content-Length"]) == len(answer.data)
    assert gzip.decompress(answer.data).decode() == PAGE


@pytest.mark.parametrize("site", ["cross-site", "same-site", None])
def test_a_page_to_which_another_site_led_is_not(client, site):
    """BREACH: a script elsewhere that opens our pages with guesses in their addresses learns nothing of a length."""
    answer = client.get("/page", headers={**TAKES, **({"Sec-Fetch-Site": site} if site else {})})

    assert "Content-Encoding" not in answer.headers
    assert answer.text == PAGE
    assert "Sec-Fetch-Site" in answer.headers["Vary"]


def test_the_length_of_a_page_varies(client):
    own = {**TAKES, "Sec-Fetch-Site": "none"}

    assert len({len(client.get("/page", headers=own).data) for _ in range(20)}) > 1


def test_a_patients_page_is_compressed_behind_the_link_of_a_mail(client):
    """Its address is the key, so that no one else can let a browser open it."""
    answer = client.get("/visits", headers={**TAKES, "Sec-Fetch-Site": "cross-site"})

    assert answer.headers["Content-Encoding"] == "gzip"


@pytest.mark.parametrize("path", ["/short", "/lines", "/file"])
def test_short_pages_streams_and_files_are_left_alone(client, path):
    answer = client.get(path, headers={**TAKES, "Sec-Fetch-Site": "same-origin"})

    assert "Content-Encoding" not in answer.headers


def test_a_client_that_takes_no_gzip_gets_none(client):
    answer = client.get("/page", headers={"Accept-Encoding": "br, gzip;q=0", "Sec-Fetch-Site": "same-origin"})

    assert answer.text == PAGE
