"""Only domain/formats.py writes dates and times for people; every other form in the program is for a machine."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FORMATTER = "scheduler/domain/formats.py"
MACHINE = {  # file: why it writes or reads a form of its own
    "scheduler/services/database_clock.py": "a function of SQLite",
    "scheduler/domain/folding.py": "reads the dates that people type into a search, and writes its keys",
    "scheduler/domain/localtime.py": "what an exception says in a log; people are shown its words()",
    "scheduler/demo/calendar.py": "reads the weekdays of clinic.yaml",
    "scheduler/ical/vtimezone.py": "writes the weekdays of RFC 5545",
    "scheduler/cli/zones.py": "a command's list, in ISO 8601 like all output of commands",
    "scheduler/services/mail/channels.py": "UTC for the operator of the server",
}
NAMES = re.compile(
    r"(mon|tue|wed|thu|fri|sat|sun)\w*day$|(mon|tue|wed|thu|fri|sat|sun|mo|tu|we|th|fr|sa|su)$", re.I
)
MONTHS = re.compile(r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)\w*$", re.I)
DIRECTIVE = re.compile(r"%-?[A-Za-z]")
TAG, BLOCK, OWN_NAMES = (
    re.compile(r"<[^>]*>"),
    re.compile(r"\{[%#].*?[%#]\}", re.S),
    re.compile(r'"(Mon|Monday|Jan|January)"'),
)
SHOWN = re.compile(r"\{\{(?! field\()[^}]*(?:strftime|isoformat|iso_date|iso_time)[^}]*\}\}")
BROWSER = re.compile(r"toLocale\w*|Intl\.|getHours|getMinutes|getDate\b")
MODULES = {
    str(path.relative_to(ROOT)): path.read_text()
    for path in sorted((ROOT / "scheduler").rglob("*.py"))
    if "migrations" not in path.parts
}
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
SCRIPTS = sorted((ROOT / "scheduler" / "static" / "js").glob("*.js"))


def test_no_other_module_writes_a_date_or_a_time():
    found = {name: faults(source) for name, source in MODULES.items() if name != FORMATTER}

    assert {name: wrong for name, wrong in found.items() if wrong and name not in MACHINE} == {}
    assert {name for name, wrong in found.items() if wrong} == set(
        MACHINE
    )  # nothing is allowed that is not there


def test_no_template_writes_a_date_or_a_time():
    found = {path.name: template_faults(path.read_text()) for path in TEMPLATES}

    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_no_script_writes_a_date_or_a_time():
    assert [path.name for path in SCRIPTS if BROWSER.search(path.read_text())] == []


@pytest.mark.parametrize(
    "source",
    [
        "shown = on.strftime('%d %b')",
        "words = f'at {start:%H:%M}'",
        "words = f'{day:%-d}'",
        "words = '{:%d %b}'.format(on)",
        "words = f'is before today, {today.isoformat()}'",
        "DAYS = ('Monday', 'Tuesday', 'Wednesday')",
        "MONTHS = {'en': ['January', 'February', 'March']}",
        "from babel.dates import format_date",
        "import calendar\nname = calendar.day_name[0]",
    ],
)
def test_a_planted_format_is_found(source):
    assert len(faults(source)) == 1


@pytest.mark.parametrize(
    "source",
    [
        "at = start.isoformat()",
        "share = f'{part:.1%}'",
        "words = '%d visits' % 3",
        "ROLES = ('front-desk', 'nurse')",
    ],
)
def test_what_is_no_format_of_a_date_is_none(source):
    assert faults(source) == []


@pytest.mark.parametrize(
    ("template", "found"),
    [
        ("<p>{{ on.strftime('%d') }}</p>", 1),
        ("<td>{{ visit.start_at|iso_time }}</td>", 1),
        ('{% for name in ["Mon", "Tue"] %}{{ name }}{% endfor %}', 1),
        ('<time datetime="{{ at.isoformat() }}">{{ at|local_time }}</time>', 0),
        ('{% set on = visit.start_at|iso_date %}<input type="date" value="{{ on }}" />', 0),
    ],
)
def test_a_template_may_show_only_what_the_formatter_wrote(template, found):
    assert len(template_faults(template)) == found


def faults(source: str) -> list[str]:
    """Return where a module writes a date or a time, or keeps names of weekdays or months."""
    return [f"line {node.lineno}: {why}" for node, why in _faults(ast.parse(source))]


def _faults(tree: ast.AST) -> Iterator[tuple[ast.expr | ast.stmt, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr="strftime"):
                yield node, "strftime"
            case ast.Attribute(attr="day_name" | "day_abbr" | "month_name" | "month_abbr"):
                yield node, "names of the calendar module"
            case ast.ImportFrom(module=str(module)) if module.partition(".")[0] == "babel":
                yield node, "babel"
            case ast.FormattedValue(format_spec=ast.JoinedStr() as spec) if DIRECTIVE.search(
                ast.unparse(spec)
            ):
                yield node, "a format of a date"
            case ast.FormattedValue(value=value) if "isoformat" in ast.unparse(value):
                yield node, "an ISO date in words"
            case ast.Constant(value=str(text)) if re.search(r"\{[^{}]*:[^{}]*%-?[A-Za-z]", text):
                yield node, "a format of a date"
            case ast.Tuple(elts=elements) | ast.List(elts=elements) if _are_names(elements):
                yield node, "names of weekdays or months"


def _are_names(elements: list[ast.expr]) -> bool:
    """Tell whether two or more of these are names of weekdays, or of months."""
    texts = [one.value for one in elements if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    return any(sum(bool(names.match(text)) for text in texts) > 1 for names in (NAMES, MONTHS))


def template_faults(text: str) -> list[str]:
    """Return what a template shows that the formatter did not write; attributes and statements are for machines."""
    own = [match[0] for match in OWN_NAMES.finditer(text)][:1]
    return own + SHOWN.findall(TAG.sub("", BLOCK.sub("", text)))
