"""The parts of Bootstrap and of its icons that the pages use: written beside the vendored files.

A class counts as used when its name is a word of any template, script or page module; an icon when its name follows
`bi-`, or is an argument or a value in a template: macros take names of icons.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

from tools.places import ROOT

USERS = (("templates", "*.html"), ("scheduler/static/js", "*.js"), ("scheduler/web", "*.py"))
WORD = re.compile(r"[\w-]+")
ICON = re.compile(r"""\bbi-([a-z0-9-]+)|(?<!=)["']([a-z0-9-]+)(?=[ "'])""")
BLOCK = re.compile(r"([^{}]+)\{((?:[^{}]|\{[^{}]*\})*)\}")  # a rule, or a group of rules as in @media
EXCLUDED = re.compile(r":not\([^)]*\)")
NAME = re.compile(r"[.#](-?[A-Za-z_][\w-]*)")
DRAWN = (  # a shape in the color of the text; also on paper, and where the system chooses the colors
    ".bi::before{background:currentColor;content:'';display:inline-block;forced-color-adjust:preserve-parent-color;"
    "height:1em;mask:var(--icon) center/contain no-repeat;print-color-adjust:exact;vertical-align:-.125em;width:1em}"
)


def build(modules: Path, vendor: Path) -> None:
    """Write both style sheets, unless they are there and nothing that decides on them has changed."""
    whole = (modules / "bootstrap/dist/css/bootstrap.min.css").read_text(encoding="utf-8")
    texts = {file: file.read_text(encoding="utf-8") for file in _users()}
    words = set(WORD.findall(" ".join(texts.values()))) & set(WORD.findall(whole))
    named = {
        name
        for file, text in texts.items()
        if file.suffix == ".html"
        for pair in ICON.findall(text)
        for name in pair
    }
    drawings = sorted(
        file for file in (modules / "bootstrap-icons/icons").glob("*.svg") if file.stem in named
    )
    wanted = {
        "words": sorted(words),
        "icons": [file.stem for file in drawings],
        "digest": hashlib.sha256(whole.encode() + Path(__file__).read_bytes()).hexdigest(),
    }
    stamp = vendor / "built.json"
    if stamp.is_file() and json.loads(stamp.read_text(encoding="utf-8")) == wanted:
        return
    credit, _, rules = whole.removeprefix('@charset "UTF-8";').partition("*/")
    (vendor / "bootstrap/bootstrap.min.css").write_text(f"{credit}*/{purged(rules, words)}", encoding="utf-8")
    (vendor / "bootstrap-icons/bootstrap-icons.min.css").write_text(
        DRAWN + "".join(_icon(file) for file in drawings), encoding="utf-8"
    )
    stamp.write_text(json.dumps(wanted), encoding="utf-8")


def purged(sheet: str, words: set[str]) -> str:
    """Return the rules of a minified style sheet whose selectors name only classes and ids among the words."""
    return "".join(_kept(sheet, words))


def _kept(sheet: str, words: set[str]) -> Iterator[str]:
    for selectors, inside in BLOCK.findall(sheet):
        if selectors.startswith("@keyframes"):
            if selectors.split()[1] in words:
                yield f"{selectors}{{{inside}}}"
        elif selectors.startswith("@"):
            if rules := purged(inside, words):
                yield f"{selectors}{{{rules}}}"
        elif kept := [one for one in _split(selectors) if set(NAME.findall(EXCLUDED.sub("", one))) <= words]:
            yield f"{','.join(kept)}{{{inside}}}"


def _split(selectors: str) -> list[str]:
    """Split a list of selectors at its own commas, not at those in brackets."""
    return re.split(r",(?![^(]*\))", selectors)


def _icon(drawing: Path) -> str:
    svg = re.sub(
        r'\n\s*| (?:class|width|height|fill)="(?!none)[^"]*"', "", drawing.read_text(encoding="utf-8")
    )
    data = svg.replace('"', "'").replace("<", "%3c").replace(">", "%3e").replace("#", "%23")
    return f'.bi-{drawing.stem}{{--icon:url("data:image/svg+xml,{data}")}}'


def _users() -> Iterator[Path]:
    for folder, pattern in USERS:
        yield from sorted((ROOT / folder).rglob(pattern))
