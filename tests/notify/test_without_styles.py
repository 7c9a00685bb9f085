"""Mails as programs show them that ignore styles: every fact is a word of its own, in every kind of mail."""

import re
from html.parser import HTMLParser

import html2text
import pytest

from scheduler.notify.layout import Paragraph, VisitLine, as_html, blocks
from scheduler.notify.texts import FOLDER, text_of

KINDS = [(file.parent.name, file.stem) for file in sorted(FOLDER.glob("*/*.txt"))]
FIRST = VisitLine(
    "Monday, November 30, 2026", "4:15 PM to 5:15 PM", "New York time, EST",
    before="Sunday, November 29, 2026, 1:00 PM to 2:00 PM",
)  # fmt: skip
OFF = VisitLine("Tuesday, June 1, 2027", "9:00 AM to 10:00 AM", "New York time, EDT", cancelled=True)
VALUES = {
    "first_name": "Nora", "clinic": "Harbor Clinic", "phone": "+1 212 555 0100", "address": "12 Pier Street, New York",
    "link": "https://clinic.example/visits/abc", "action_link": "https://clinic.example/key/abc", "date": FIRST.day,
    "time": "4:15 PM", "zone": FIRST.zone, "count": "2", "lines": "12 visits today\n2 patients to call",
    "new_address": "new@example.org", "calendar_note": "This email includes a calendar invitation.",
}  # fmt: skip


def page_of(language, kind):
    found = blocks(text_of(kind, language).paragraphs, VALUES, [FIRST, OFF])
    return found, as_html(found, "Sent automatically.\nDo not reply.", "A subject", language)


def as_markdown(page):
    """Return what a program without styles shows."""
    reader = html2text.HTML2Text(bodywidth=0)
    reader.ignore_emphasis = reader.ignore_tables = True
    return reader.handle(page)


def without_tags(page):
    """Return what a preview in a notification shows: the text, with nothing in the place of a tag."""
    text = re.sub(r"<[^>]*>", "", page.partition("</head>")[2])
    return text.replace("&nbsp;", "\N{NO-BREAK SPACE}")


def facts(found):
    for block in found:
        for visit in block.visits:
            yield from (visit.day, visit.times, visit.zone, *filter(None, [visit.before]))
        yield from block.words.splitlines()


@pytest.mark.parametrize("shown", [as_markdown, without_tags])
@pytest.mark.parametrize(("language", "kind"), KINDS)
def test_every_fact_stands_apart_where_styles_are_ignored(language, kind, shown):
    found, page = page_of(language, kind)
    text = " ".join(shown(page).replace("\\", "").split())

    for fact in facts(found):
        wanted = re.escape(" ".join(fact.split()))
        assert re.search(rf"(?<!\S)[(\[]?{wanted}[)\].]?(?!\w)", text, re.IGNORECASE), (fact, text)


class Tags(HTMLParser):
    """Collects the tags with their attributes and, of each, those that are open around it."""

    def __init__(self, page):
        super().__init__()
        self.open, self.found = [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes), list(self.open)))
        if tag not in ("meta", "br"):
            self.open.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag


def test_the_mail_has_a_name_and_no_layout_table_is_read_as_data():
    tags = Tags(page_of("en", "confirmation")[1]).found

    [whole] = [attributes for tag, attributes, _ in tags if attributes.get("role") == "article"]
    assert (whole["aria-label"], whole["lang"]) == ("A subject", "en")
    assert {attributes.get("role") for tag, attributes, _ in tags if tag == "table"} == {"presentation"}


def test_word_gets_its_width_from_a_table_and_the_button_from_a_cell():
    page = as_html([Paragraph("Open", "https://clinic.example/visits/abc")], "", "A subject", "en")
    [around] = [around for tag, attributes, around in Tags(page).found if tag == "a"]
    cell = around[-1][1]

    assert re.search(r"<!--\[if mso\]><table[^>]* width=\"560\"", page)
    assert page.count("<!--[if mso]></td></tr></table><![endif]-->") == 1
    assert around[-1][0] == "td"
    assert cell["bgcolor"] == "#0a564f"
    assert "mso-padding-alt: 12px 20px" in cell["style"]
