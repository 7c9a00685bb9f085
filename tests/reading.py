"""What a person reads in a mail, and the elements of a page.

Searching the raw bytes for a short word fails by chance: a private link holds random letters, and about one mail in
eighty had an "AM" in one.
"""

import re
from email import message_from_bytes
from email.policy import default
from html.parser import HTMLParser
from xml.etree.ElementTree import Element, TreeBuilder


def mail_words(content: bytes) -> str:
    """Return the plain text of a mail without its addresses of pages."""
    body = message_from_bytes(content, policy=default).get_body(("plain",))
    assert body is not None
    return re.sub(r"https?://\S+", "", body.get_content())


class Page(HTMLParser):
    """A page as a tree of elements."""

    VOID = frozenset({"br", "hr", "img", "input", "link", "meta"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.builder = TreeBuilder()
        self.builder.start("page", {})
        self.feed(text)
        self.builder.end("page")
        self.root = self.builder.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.builder.start(tag, {name: value or "" for name, value in attrs})
        if tag in self.VOID:
            self.builder.end(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.builder.start(tag, {name: value or "" for name, value in attrs})
        self.builder.end(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            self.builder.end(tag)

    def handle_data(self, data: str) -> None:
        self.builder.data(data)


def page(text: str) -> Element:
    """Return the tree of a page."""
    return Page(text).root


def having(root: Element, name: str) -> list[Element]:
    """Return the elements with a class, in order."""
    return [one for one in root.iter() if name in one.get("class", "").split()]


def words(element: Element) -> str:
    """Return the text of an element, without line breaks."""
    return " ".join("".join(element.itertext()).split())
