"""The texts that people read are plain US clinical English; words of the first version's dialect do not return."""

import re
from pathlib import Path

import pytest

from tools import strings

ROOT = Path(__file__).resolve().parent.parent
DIALECT = (  # in code, comments and docs too; where a hit is the right word, the count below allows for it
    "anew", "whoever", "whatever", "somebody", "nobody", "is told", "as few as can be", "all the same", "as it stands",
    "is not to be had", "what it takes", "goes along", "lets go", "takes up", "found wanting", "on the wall",
    "hangs? from", "takes? back", "taken back", "called off", "told of",
)  # fmt: skip
UNREAD = (  # words that no page, mail, error or command may say
    *DIALECT, "settled?", "let go", "to be settled", "proven", "calendar address(es)?", "fresh link", "not settled",
    "anybody", "everybody", "cancelled", "cancelling", "neighbour", "colour", "programme", "speciality",
    "born", "makes? up for", "made up for", "the books", "runs? out", "ran out", "stands? at", "goes on", "keeps to",
)  # fmt: skip
MOST_IN_CODE = 14
EXPRESSION = re.compile(r"\{[^}]*\}")  # a value in a text; its name is code
CODE = re.compile(r"[\w./%-]+")  # one word in small letters is a code: FHIR and iCalendar write "cancelled"
PLANNER = "scheduler/domain/planner/"
SPANISH = re.compile(r"templates/mail/es/|[áéíóúñ¿¡]")


def test_no_text_that_people_read_has_a_word_that_nobody_speaks():
    assert [f"{one.path}:{one.line}: {one.text}" for one in spoken() if is_dialect(one.text)] == []


def test_code_and_docs_do_not_gain_words_of_the_dialect():
    """The bound may only fall: it is lowered with each rewritten file."""
    found = {path: len(DIALECT_WORDS.findall(path.read_text())) for path in sources()}

    assert sum(found.values()) <= MOST_IN_CODE, {str(path): count for path, count in found.items() if count}


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("Called off by the clinic", True),
        ("This time is given to somebody else", True),
        ("Cancelled: Appointment", True),
        ("cancelled", False),
        ("Complete: {settled}.", False),
        ("Canceled by the clinic", False),
    ],
)
def test_a_planted_word_is_found(text, wrong):
    assert is_dialect(text) == wrong


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("templates/visits/_panel.html", "Canceled by"),
        (
            "templates/mail/en/reminder.txt",
            "[Confirm or make changes]({link})",
        ),
        ("scheduler/patient_pages/words.py", "I don't have a driver yet"),
        ("scheduler/errors.py", "That time has just been taken"),
        ("scheduler/static/js/lock.js", "Incorrect password."),
        ("scheduler/cli/clinics.py", "Its time zone, such as America/New_York."),
        ("scheduler/protocols/iv-depression-6.yaml", "Medical assessment"),
        ("scheduler/protocols/iv-depression-6.yaml", "Bring a list of your medications."),
    ],
)
def test_the_list_of_texts_has_those_of_each_kind_of_file(file, text):
    assert text in [one.text for one in strings.texts((file,))]


def test_a_sentence_over_several_lines_and_elements_is_one_text():
    page = '<p>\n  Please <b>call</b>\n  {{ clinic.phone }}.\n</p><a title="Open it">{% if late %}Late{% endif %}</a>'

    assert [(line, " ".join(text.split())) for line, text in strings.html_texts(page)] == [
        (2, "Please call {clinic.phone}."),
        (4, "Open it"),
        (4, "Late"),
    ]


DIALECT_WORDS = re.compile(rf"\b(?:{'|'.join(DIALECT)})\b", re.IGNORECASE)
UNREAD_WORDS = re.compile(rf"\b(?:{'|'.join(UNREAD)})\b", re.IGNORECASE)


def is_dialect(text: str) -> bool:
    """Tell whether a text has a word that no page may say; the names of values and codes are none."""
    return bool(UNREAD_WORDS.search(EXPRESSION.sub("", text))) and not CODE.fullmatch(text)


def sources() -> list[Path]:
    """List the files of code, pages and docs, without the tables that the drills write."""
    files = [path for folder in ("scheduler", "templates", "tools") for path in strings.files((folder,))]
    docs = [path for path in (ROOT / "docs").glob("*.md") if path.stem not in ("chaos", "benchmarks")]
    return [
        path
        for path in (*files, *docs, ROOT / "README.md")
        if path.suffix in (".py", ".html", ".txt", ".js", ".md") and "node_modules" not in path.parts
    ]


def spoken() -> list[strings.Text]:
    """Return the English texts, without the planner's and without code that looks like a text."""
    return [
        one
        for one in strings.texts(("templates", "scheduler", "config.py"))
        if not str(one.path).startswith(PLANNER) and not SPANISH.search(f"{one.path} {one.text}")
    ]
