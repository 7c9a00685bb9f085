"""The texts that people read are plain US clinical English, and the words of the first version's dialect do not return."""

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
# Where a person reads none of it, or where it is the name of a standard: iCalendar and FHIR write "cancelled".
ALLOWED = re.compile(r"^(?:cancelled|\{[^}]*\}|[\w./{}%-]+)$")
PLANNER = "scheduler/domain/planner/"
SPANISH = re.compile(r"templates/mail/es/|[áéíóúñ¿¡]")
HITS = 15


def test_no_text_that_people_read_has_a_word_that_nobody_speaks():
    assert [one for one in spoken() if UNREAD_WORDS.search(one.text) and not ALLOWED.match(one.text)] == []


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("templates/visits/_panel.html", "Canceled by"),
        ("templates/mail/en/reminder.txt", "Please tap to confirm. You can also reschedule, cancel, and read how to prepare."),
        ("scheduler/patient_pages/words.py", "I don't have a driver yet"),
        ("scheduler/errors.py", "That time has just been taken"),
        ("scheduler/static/js/lock.js", "Incorrect password."),
        ("scheduler/cli/clinics.py", "Its time zone, such as America/New_York."),
        ("scheduler/protocols/iv-depression-6.yaml", "Medical assessment"),
    ],
)
def test_the_list_of_texts_has_those_of_each_kind_of_file(file, text):
    assert text in [one.text for one in strings.texts((file,))]


def test_a_sentence_over_several_lines_and_elements_is_one_text():
    page = '<p>\n  Please <b>call</b>\n  {{ clinic.phone }}.\n</p><a title="Open it">{% if late %}Too late{% endif %}</a>'

    assert [(line, " ".join(text.split())) for line, text in strings.html_texts(page)] == [
        (2, "Please call {clinic.phone}."),
        (4, "Open it"),
        (4, "Too late"),
    ]


UNREAD_WORDS = re.compile(rf"\b(?:{'|'.join(UNREAD)})\b", re.IGNORECASE)


def spoken() -> list[strings.Text]:
    """Return the English texts, without the planner's and without code that looks like a text."""
    return [
        one
        for one in strings.texts(("templates", "scheduler", "config.py"))
        if not str(one.path).startswith(PLANNER) and not SPANISH.search(f"{one.path} {one.text}")
    ]
