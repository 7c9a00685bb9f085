import re
from pathlib import Path

from scheduler.patient_pages.words import WORDS

PLACEHOLDER = re.compile(r"{(\w+)}")
TEMPLATES = Path(__file__).parents[2] / "templates" / "visits"


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
