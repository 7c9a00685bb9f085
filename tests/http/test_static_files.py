"""Files of the pages: one address a version, compressed, and kept only under the right address."""

import gzip
import re

import pytest

from scheduler.http.static_files import BUNDLES, Files

YEAR = "public, max-age=31536000, immutable"
PACKED = {"Accept-Encoding": "gzip"}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "js").mkdir()
    (tmp_path / "js/a.js").write_text('import { b } from "./b.js";\n')
    (tmp_path / "js/b.js").write_text("export const b = 1;\n")
    return tmp_path


def address_of(client, name):
    found = re.search(rf'"(/static/{re.escape(name)}[^"]*)"', client.get("/login").text)
    assert found is not None
    return found[1]


def test_a_named_version_is_kept_for_a_year(client):
    address = address_of(client, "css/site.css")

    assert re.fullmatch(r"/static/css/site\.css\?v=[0-9a-f]{16}", address)
    assert client.get(address).headers["Cache-Control"] == YEAR


@pytest.mark.parametrize("asked", ["", "?v=", "?v=0123456789abcdef"])
def test_another_version_is_not_kept(client, asked):
    """A server of the next version answers addresses in pages of the former one."""
    assert client.get(f"/static/css/site.css{asked}").headers["Cache-Control"] == "no-cache"


def test_a_browser_that_has_the_file_gets_no_body(client):
    first = client.get("/static/js/app.js", headers=PACKED)
    again = client.get("/static/js/app.js", headers={**PACKED, "If-None-Match": first.headers["ETag"]})

    assert (again.status_code, again.data) == (304, b"")


def test_text_is_compressed_for_clients_that_take_it(client):
    plain, packed = client.get("/static/js/app.js"), client.get("/static/js/app.js", headers=PACKED)

    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert plain.headers["ETag"] != packed.headers["ETag"]
    assert all("Accept-Encoding" in one.headers["Vary"] for one in (plain, packed))


def test_a_font_is_compressed_already(client):
    name = "/static/vendor/ibm-plex-sans/ibm-plex-sans-latin-wght-normal.woff2"

    assert "Content-Encoding" not in client.get(name, headers=PACKED).headers


def test_a_bundle_has_every_part(client):
    whole = client.get("/static/css/site.css").text

    for part in BUNDLES["css/site.css"]:
        assert client.get(f"/static/{part}").text in whole


@pytest.mark.parametrize("name", ["nothing.css", "css", "../app.py", "css/../../app.py", "%2e%2e/app.py"])
def test_what_is_not_a_file_below_the_folder_is_not_found(client, name):
    assert client.get(f"/static/{name}").status_code == 404


def test_an_imported_script_has_its_version_too(folder):
    files = Files(folder)

    assert (
        files.get("js/a.js").plain.decode()
        == f'import {{ b }} from "./b.js?v={files.get("js/b.js").version}";\n'
    )


def test_a_changed_file_is_read_again(folder):
    files = Files(folder)
    before = files.get("js/b.js")
    (folder / "js/b.js").write_text("export const b = 22;\n")

    assert files.get("js/b.js").version != before.version
