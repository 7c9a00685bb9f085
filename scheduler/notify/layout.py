"""One text, two parts: plain text and HTML with the styles inlined, because many mail programs drop style sheets.

No remote image, no tracker, nothing to load. Values are escaped by Jinja; the layout is one template.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import css_inline
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from scheduler.notify.texts import BUTTON, FOLDER, NOTE, VISITS, filled

WIDTH = 76
HOUR_AND_HALF = re.compile(r"(\d) ([AP]M\b|[ap]\.)")
BEFORE = {"en": "Old time", "es": "Antes"}
ALL_TIMES = {"en": "All times: {zone}", "es": "Todas las horas: {zone}"}
CANCELLED = {"en": "canceled", "es": "cancelada"}
AGAIN = {"en": "scheduled again", "es": "reservada de nuevo"}


def _capital(words: str) -> str:
    """Return the words as they begin a line: in Spanish a day is written small only within a sentence."""
    return words[:1].upper() + words[1:]


def _unbroken(words: str) -> str:
    """Return the words with each hour kept beside its AM or PM."""
    return HOUR_AND_HALF.sub("\\1\N{NO-BREAK SPACE}\\2", words)


_jinja = Environment(
    loader=FileSystemLoader(FOLDER),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_jinja.filters |= {"capital": _capital, "unbroken": _unbroken}
_inliner = css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)


@dataclass(frozen=True, slots=True)
class VisitLine:
    """One visit as a mail lists it; `before` is its former time, if it had one, `again` marks one that was
    canceled before, `what` says what it is, `place` where it is if that needs saying, and `steps` are what to do
    before it."""

    day: str
    times: str
    zone: str
    before: str = ""
    cancelled: bool = False
    again: bool = False
    what: str = ""
    steps: tuple[str, ...] = ()
    place: str = ""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph: words, or the visits, or a button."""

    words: str = ""
    url: str = ""
    phone: str = ""  # a line of the words that is this number can be tapped
    visits: tuple[VisitLine, ...] = ()

    @property
    def zone(self) -> str:
        """Return the zone that several visits share, so that it is said once, below them; empty if they do not."""
        zones = {visit.zone for visit in self.visits}
        return zones.pop() if len(zones) == 1 and len(self.visits) > 1 else ""


def blocks(
    paragraphs: Sequence[str],
    values: Mapping[str, str],
    visits: Sequence[VisitLine],
    before_visits: Sequence[Paragraph] = (),
) -> list[Paragraph]:
    """Return the paragraphs with their placeholders filled; an empty one is left out.

    What there is to say about the calendar follows the visits where the text has no place for it.
    """
    found: list[Paragraph] = []
    note = "" if any(NOTE in one for one in paragraphs) else values.get("calendar_note", "")
    for paragraph in paragraphs:
        button = BUTTON.fullmatch(paragraph)
        if paragraph == VISITS:
            found += [*before_visits, Paragraph(visits=tuple(visits)), Paragraph(words=note)]
        elif button:
            found.append(Paragraph(words=filled(button[1], values), url=values[button[2]]))
        else:
            found.append(Paragraph(words=filled(paragraph, values).strip(), phone=values.get("phone", "")))
    return [block for block in found if block.words or block.visits]


def as_text(found: Sequence[Paragraph], footer: str, language: str) -> str:
    """Return the plain part: lines of at most 76 characters, addresses unbroken."""
    parts = [_block_text(block, language) for block in found]
    return "\n\n".join([*parts, "-- \n" + _wrapped(footer)]) + "\n"


def as_html(found: Sequence[Paragraph], footer: str, subject: str, language: str) -> str:
    """Return the HTML part, styles inlined."""
    page = _jinja.get_template("layout.html").render(
        blocks=found,
        footer=footer,
        subject=subject,
        language=language,
        before_word=BEFORE[language],
        mark_of=partial(_mark, language=language),
        all_times=partial(_all_times, language=language),
    )
    return _inliner.inline(page)


def _block_text(block: Paragraph, language: str) -> str:
    if block.visits:
        lines = [_visit_text(visit, language, with_zone=not block.zone) for visit in block.visits]
        return "\n".join([*lines, *([f"\n{_all_times(block.zone, language)}"] if block.zone else [])])
    if block.url:
        return f"{block.words}:\n{block.url}"
    return _wrapped(block.words)


def _visit_text(visit: VisitLine, language: str, *, with_zone: bool) -> str:
    mark = f" [{_mark(visit, language)}]" if _mark(visit, language) else ""
    zone = f" ({visit.zone})" if with_zone else ""
    lines = [f"* {_capital(visit.day)}", f"  {visit.times}{zone}{mark}"]
    if visit.what:
        lines.append(f"  {visit.what}")
    if visit.place:
        lines += textwrap.wrap(visit.place, WIDTH, initial_indent="  ", subsequent_indent="  ")
    if visit.before:
        lines.append(f"  {BEFORE[language]}: {visit.before}")
    for step in visit.steps:
        lines += textwrap.wrap(step, WIDTH, initial_indent="  - ", subsequent_indent="    ")
    return "\n".join(lines)


def _mark(visit: VisitLine, language: str) -> str:
    if visit.cancelled:
        return CANCELLED[language]
    return AGAIN[language] if visit.again else ""


def _all_times(zone: str, language: str) -> str:
    return ALL_TIMES[language].format(zone=zone)


def _wrapped(words: str) -> str:
    lines = words.splitlines() or [""]
    return "\n".join(
        textwrap.fill(line, WIDTH, break_long_words=False, break_on_hyphens=False) for line in lines
    )
