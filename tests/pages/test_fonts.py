"""The shipped font: where it comes from, its weight, how long it is kept, and that text does not move when it comes."""

import base64
import json
import re
from pathlib import Path

import pytest

from tests.fonts import WIDE
from tests.pages.desk import settle

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "scheduler" / "static"
MODULES = ROOT / "node_modules"
PLEX = MODULES / "@fontsource-variable" / "ibm-plex-sans"
FACES = re.findall(r"@font-face \{(.*?)\n\}", (STATIC / "css" / "fonts.css").read_text(), re.DOTALL)
LARGEST = 60_000  # bytes of font that a page of Latin text may load
TEXT = (
    "Guadalupe Ochoa has not arrived. Infusion 2 of 6 on Tuesday, December 1 at 10:15 AM in Chair 4, with Nora "
    "Whitfield. Find a patient, book a course, mark as complete, cancel visit. +1 407 555 0142"
)
# family -> its regular and its bold; Arimo has the widths of Arial, Helvetica and Liberation Sans
SYSTEM = {
    "Arial": tuple(MODULES / f"@fontsource/arimo/files/arimo-latin-{w}-normal.woff2" for w in (400, 700)),
    "Roboto": tuple(MODULES / f"@fontsource/roboto/files/roboto-latin-{w}-normal.woff2" for w in (400, 700)),
    "Noto Sans": tuple(
        MODULES / f"@fontsource/noto-sans/files/noto-sans-latin-{w}-normal.woff2" for w in (400, 700)
    ),
    "DejaVu Sans": tuple(MODULES / f"dejavu-fonts-ttf/ttf/DejaVuSans{w}.ttf" for w in ("", "-Bold")),
}
# the width of the text, and the height of a line of `line-height: normal`, per em of the font
MEASURE = """async ([font, weight, text]) => {
  const face = new FontFace('Measured', `url(data:font/woff2;base64,${font})`, {weight});
  document.fonts.add(await face.load());
  document.body.innerHTML = '<span></span>';
  const span = document.body.firstChild;
  span.style = 'font: 400 100px Measured; white-space: nowrap';
  span.textContent = text;
  const regular = span.getBoundingClientRect();
  span.style.fontWeight = 600;
  const widths = [regular.width, span.getBoundingClientRect().width];
  document.fonts.clear();
  return [...widths, regular.height];
}"""


def value(face, name):
    found = re.search(rf"\b{name}: ([^;]+);", face)
    return found and " ".join(found[1].split())


def shipped():
    return [face for face in FACES if value(face, "font-family") == '"IBM Plex Sans"']


def scaled():
    return [face for face in FACES if value(face, "font-family") != '"IBM Plex Sans"']


def test_every_part_of_the_font_is_the_packages():
    """A part that the package adds, or a range that it changes, is found here when the version rises."""
    version = json.loads((ROOT / "package.json").read_text())["dependencies"][
        "@fontsource-variable/ibm-plex-sans"
    ]
    theirs = {
        name: ranges.replace(",", ", ")
        for name, ranges in re.findall(
            r"files/(\S+?)\).*?unicode-range: ([^;]+);", (PLEX / "wght.css").read_text(), re.DOTALL
        )
    }
    address = re.compile(r'url\("\.\./vendor/ibm-plex-sans/([^?"]+)\?v=([^"]+)"\)')
    ours = {}
    for face in shipped():
        name, tagged = address.match(value(face, "src")).groups()
        assert tagged == version
        assert (STATIC / "vendor" / "ibm-plex-sans" / name).read_bytes() == (
            PLEX / "files" / name
        ).read_bytes()
        ours[name] = value(face, "unicode-range")

    assert ours == theirs
    assert f"v='{version}'" in (ROOT / "templates" / "_font.html").read_text()


@pytest.fixture
def fonts_of(open_page, live_server):
    """Open a page and return the names of the fonts that it asks for, in order, and their bytes."""

    def fonts_of(path, words=""):
        page = open_page(live_server)
        asked = []
        page.on("response", lambda one: asked.append(one) if "/ibm-plex-sans/" in one.url else None)
        page.goto(path)
        page.evaluate("words => { document.querySelector('h1').textContent += words }", words)
        settle(page)
        return [re.search(r"sans-(.+)-wght", one.url)[1] for one in asked], sum(
            len(one.body()) for one in asked
        )

    return fonts_of


@pytest.mark.parametrize("path", ["/login", "/visits"])
def test_a_page_loads_the_part_for_latin_letters_once(path, fonts_of, staffed):
    names, weight = fonts_of(path)

    assert names == ["latin"]  # the preloaded one is the one that the style sheet asks for
    assert weight < LARGEST


@pytest.mark.parametrize(
    ("name", "part"),
    [("Łukasz", "latin-ext"), ("Nguyễn", "vietnamese"), ("Ελένη", "greek"), ("Оксана", "cyrillic")],
)
def test_a_name_loads_the_part_it_needs(name, part, fonts_of, staffed):
    assert fonts_of("/login", name)[0] == ["latin", part]


def test_a_font_is_kept_for_a_year_and_a_style_sheet_is_not(client):
    def kept(path):
        with client.get(f"/static/{path}") as answer:
            return answer.headers["Cache-Control"]

    name = "vendor/ibm-plex-sans/ibm-plex-sans-latin-wght-normal.woff2"
    assert kept(f"{name}?v=5.3.0") == "public, max-age=31536000, immutable"
    assert kept(name) == "no-cache"  # nothing in its address says which version
    assert kept("css/fonts.css?v=1") == "no-cache"


def test_a_fallback_takes_the_room_of_the_font(page, live_server):
    """Where this fails, the message has the figures for fonts.css."""
    page.goto("about:blank")

    def measure(file, weight):
        return page.evaluate(MEASURE, [base64.b64encode(file.read_bytes()).decode(), weight, TEXT])

    regular, bold, line = measure(PLEX / "files" / "ibm-plex-sans-latin-wght-normal.woff2", "100 700")
    wanted, written = {}, {}
    for family, files in SYSTEM.items():
        for file, weight, width in zip(files, ("100 550", "551 900"), (regular, bold), strict=True):
            share = width / measure(file, "400")[0]
            wanted[family, weight] = [100 * share, 102.5 / share, 27.5 / share, 0]
    for face in scaled():
        family = value(face, "font-family").strip('"').removeprefix("Plex as ")
        names = ("size-adjust", "ascent-override", "descent-override", "line-gap-override")
        written[family, value(face, "font-weight")] = [float(value(face, name).rstrip("%")) for name in names]

    assert written == {key: pytest.approx(figures, abs=0.3) for key, figures in wanted.items()}
    assert line == pytest.approx(102.5 + 27.5, abs=1)


def test_text_does_not_move_when_the_font_comes(open_page, live_server, staffed):
    """The lines of a page are as high in the scaled fallback."""
    page = open_page(live_server, WIDE)
    page.goto("/login")
    settle(page)
    lines = "() => [...document.querySelectorAll('h1, p, label, button, input')].map(one => one.offsetHeight)"
    arrived = page.evaluate(lines)
    page.evaluate(
        "() => document.documentElement.style.setProperty('--text-font', '\"Plex as DejaVu Sans\"')"
    )

    assert page.evaluate(lines) == arrived
