"""Print every text that a person can read, with its file and line: `make strings`, or some folders as arguments.

Read the whole list after a change of words; tests/test_words.py holds the words that may not come back.
"""

import ast
import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("templates", "scheduler", "wsgi.py", "config.py", "tools")
SKIPPED = ("vendor", "migrations", "__pycache__")

ATTRIBUTES = frozenset(
    {"alt", "title", "placeholder", "aria-label", "content", "label", "value", "hx-confirm"}
)
NO_PROSE = frozenset({"script", "style"})
NO_PROSE_CALLS = frozenset({"text", "compile", "getLogger", "execute", "Index", "CheckConstraint"})

JINJA = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
QUOTED = re.compile(r""""((?:[^"\\\n]|\\.)*)"|'((?:[^'\\\n]|\\.)*)'|`((?:[^`\\]|\\.)*)`""")
COMMENT = re.compile(r"^\s*(//|\*|/\*)")
YAML_TEXT = re.compile(r"^\s*(?:- )?(?:[\w-]+:\s+)?([^#\s].*\s.*)$")
NAME = re.compile(r"(?![A-Z])[\w{}#@*-]*[./:][\w{}#@*./:-]*[\w/}]")  # a file, a route, an address: no prose
SPOKEN = re.compile(r"[A-Z]?[a-z]+[ ,.:;!?'’]+\S*[A-Za-z]|^[A-Z][a-z]+[.!?]?$")
CLASSES = re.compile(
    r"(?:^| )(?:btn|text|m[btesy]|p[xy]|d|form|fw|bi|col|row|table|alert|badge|gap|list|nav|card|is)-[a-z0-9-]+(?: |$)"
)
SQL = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|CREATE|PRAGMA|ALTER|DROP|LOCK)\b")


class Text(NamedTuple):
    """A readable text and where it is written."""

    path: Path
    line: int
    text: str


def texts(folders: tuple[str, ...] = FOLDERS) -> Iterator[Text]:
    """Yield the texts of all files, by path and line."""
    readers = {
        ".html": html_texts,
        ".txt": mail_texts,
        ".py": python_texts,
        ".js": script_texts,
        ".yaml": yaml_texts,
    }
    for path in files(folders):
        if reader := readers.get(path.suffix):
            for line, text in sorted(reader(path.read_text())):
                short = " ".join(text.split())
                if SPOKEN.search(short) and not CLASSES.search(short) and not NAME.fullmatch(short):
                    yield Text(path.relative_to(ROOT), line, short)


def files(folders: tuple[str, ...]) -> list[Path]:
    """List the source files of some folders, without vendored ones."""
    found = [ROOT / folder for folder in folders]
    every = [path for top in found for path in ([top] if top.is_file() else sorted(top.rglob("*")))]
    return [path for path in every if path.is_file() and not set(path.parts) & set(SKIPPED)]


def html_texts(source: str) -> Iterator[tuple[int, str]]:
    """Yield the words between tags, in spoken attributes and in strings of Jinja."""
    for block in JINJA.finditer(source):
        if not block.group().startswith("{#"):
            yield from quoted(block.group(), line_of(source, block.start()))
    page = Page()
    page.feed(JINJA.sub(named, source))
    page.close()
    yield from page.found


def named(block: re.Match[str]) -> str:
    """Return a Jinja block as `{name}`, or as the line ends that it spans."""
    inner = block.group()
    shown = (
        "{" + re.sub(r"[^\w.]+", " ", inner[2:-2]).strip().split(" ")[0] + "}"
        if inner.startswith("{{")
        else ""
    )
    return shown + "\n" * inner.count("\n")


class Page(HTMLParser):
    """Collect the texts of a page; inline elements do not end a sentence."""

    INLINE = frozenset({"b", "strong", "em", "i", "a", "span", "code", "small", "abbr", "time", "kbd", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[int, str]] = []
        self.pending: list[str] = []
        self.start = 1
        self.silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.silent += tag in NO_PROSE
        for name, value in attrs:
            if value and (name in ATTRIBUTES or name.startswith("data-")):
                self.found.append((self.getpos()[0], value))
        if tag not in self.INLINE:
            self.flush()

    def handle_endtag(self, tag: str) -> None:
        self.silent -= tag in NO_PROSE
        if tag not in self.INLINE:
            self.flush()

    def handle_data(self, data: str) -> None:
        if self.silent:
            return
        if not self.pending and data.strip():
            self.start = self.getpos()[0] + data[: len(data) - len(data.lstrip())].count("\n")
        if self.pending or data.strip():
            self.pending.append(data)

    def flush(self) -> None:
        """End a sentence."""
        if self.pending:
            self.found.append((self.start, "".join(self.pending)))
        self.pending = []

    def close(self) -> None:
        super().close()
        self.flush()


def mail_texts(source: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of a mail, and strings inside its Jinja."""
    for block in JINJA.finditer(source):
        if not block.group().startswith("{#"):
            yield from quoted(block.group(), line_of(source, block.start()))
    yield from enumerate(JINJA.sub(named, source).splitlines(), 1)


def python_texts(source: str) -> Iterator[tuple[int, str]]:
    """Yield the strings of a module, without docstrings, SQL and patterns."""
    silent: set[int] = set()
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            silent.add(id(node.value))
        elif isinstance(node, ast.Call) and called(node.func) in NO_PROSE_CALLS:
            silent |= {id(inner) for inner in ast.walk(node)}
        elif isinstance(node, ast.JoinedStr):
            silent |= {id(part) for part in node.values}
    for node in ast.walk(tree):
        if id(node) in silent:
            continue
        if isinstance(node, ast.JoinedStr):
            yield node.lineno, "".join(part_text(part) for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and not SQL.search(node.value):
            yield node.lineno, node.value


def called(function: ast.expr) -> str:
    """Return the last name of a called function."""
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def part_text(part: ast.expr) -> str:
    """Return a part of an f-string as it is written."""
    return (
        str(part.value)
        if isinstance(part, ast.Constant)
        else ast.unparse(part).removeprefix("f").strip("'\"")
    )


def script_texts(source: str) -> Iterator[tuple[int, str]]:
    """Yield the strings of a script."""
    for number, line in enumerate(source.splitlines(), 1):
        if not COMMENT.match(line):
            yield from quoted(line.split(" // ")[0], number)


def yaml_texts(source: str) -> Iterator[tuple[int, str]]:
    """Yield the values of a YAML file that have more than one word."""
    for number, line in enumerate(source.splitlines(), 1):
        if value := YAML_TEXT.match(line):
            yield number, value[1].lstrip("{[")


def quoted(source: str, line: int) -> Iterator[tuple[int, str]]:
    """Yield the string literals of code."""
    for literal in QUOTED.finditer(source):
        yield (
            line + line_of(source, literal.start()) - 1,
            next(group for group in literal.groups() if group is not None),
        )


def line_of(source: str, position: int) -> int:
    """Return the line of a position, from 1."""
    return source.count("\n", 0, position) + 1


def main() -> None:
    """Print the texts, a line each."""
    for path, line, text in texts(tuple(sys.argv[1:]) or FOLDERS):
        print(f"{path}:{line}: {text}")


if __name__ == "__main__":
    main()
