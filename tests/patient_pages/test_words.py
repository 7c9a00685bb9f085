import re
from pathlib import Path

from scheduler.models.message import Message
from scheduler.patient_pages.words import WORDS
from scheduler.services import private_links
from tests import cast
from tests.engines import SECRET_KEY
from tests.services.courses import book, visit

PLACEHOLDER = re.compile(r"{(\w+)}")
TEMPLATES = Path(__file__).parents[2] / "templates" / "patient_pages"


def test_every_language_has_the_same_words_with_the_same_places_for_values():
    places = {
        language: {key: sorted(PLACEHOLDER.findall(text)) for key, text in words.items()}
        for language, words in WORDS.items()
    }

    assert places["es"] == places["en"]
    assert all(text.strip() for words in WORDS.values() for text in words.values())


def test_templates_say_nothing_that_has_no_words():
    said = {
        key
        for template in TEMPLATES.glob("*.html")
        for call in re.findall(r"say\(([^)]*)\)", template.read_text())
        for key in re.findall(r'"([a-z-]+)"', call.partition(",")[0])
        if not key.endswith("-")
    }

    assert said - set(WORDS["en"]) == set()
    assert len(said) > 20


def test_what_is_needed_is_said_in_the_patients_language_and_not_named(client, session, harbor, at):
    at.time = cast.NOW
    course = book(session, harbor)
    message = session.query(Message).filter(Message.patient_id == course.patient_id).first()
    token = private_links.page_token((SECRET_KEY,), message, private_links.VISITS)
    session.commit()
    at.time = visit(course, "consent").end_at  # until then the preparatory visits settle it
    session.rollback()
    spanish, english = (client.get(f"/visits/{token}?lang={one}").text for one in ("es", "en"))

    assert "Todavía necesitamos algo antes de esta cita." in spanish
    assert "We still need something from you before this appointment." in english
    named = ("Psychiatric", "psiquiátrica", "Medical clearance", "Autorización", "Pregnancy", "embarazo")
    assert not [word for word in named if word in spanish + english]
