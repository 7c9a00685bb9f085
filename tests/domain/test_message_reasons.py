import ast
import re
from pathlib import Path

import pytest

from scheduler.domain.message_reasons import LONGEST, HoldReason, MessageReason

ROOT = Path(__file__).resolve().parents[2]
SENTENCES = {"reason", "held_reason"}
READERS = ("services/mail", "services/patient", "services/visit", "processes", "web")


@pytest.mark.parametrize("reason", [one for one in (*MessageReason, *HoldReason) if one])
def test_each_reason_has_a_short_code_and_words(reason):
    assert re.fullmatch(r"[a-z-]{1,40}", reason.value)
    assert "detail" in reason.words("detail") or reason.words()


def test_no_reason_has_no_words():
    assert (MessageReason.NONE.words(), HoldReason.NONE.words()) == ("", "")


@pytest.mark.parametrize(
    ("reason", "detail", "words"),
    [
        (MessageReason.DAILY_LIMIT, "6", "limit of 6 reminders in 24 hours reached"),
        (MessageReason.NO_ADDRESS, "", "no email address"),
        (MessageReason.MOVED, "by the clinic", "moved; by the clinic"),
        (MessageReason.SERVER_TROUBLE, "451 {later}", "451 {later}"),
        (MessageReason.REFUSED, "5" * 300, "failed: refused (" + "5" * (LONGEST - 17)),
    ],
)
def test_a_detail_is_part_of_the_words(reason, detail, words):
    assert reason.words(detail) == words


def test_these_reasons_need_a_call():
    assert {one.value for one in MessageReason if one.needs_call} == {
        "no-address",
        "bad-address",
        "displaced",
        "opted-out",
        "daily-limit",
    }


def test_no_decision_reads_a_sentence():
    files = [path for part in READERS for path in (ROOT / "scheduler" / part).rglob("*.py")]
    assert [(path.name, line) for path in files for line in decisions(path.read_text())] == []


@pytest.mark.parametrize(
    "source",
    [
        "row.reason == SETTLED",
        "Message.reason.endswith(CALL)",
        "'call' in row.reason",
        "row.held_reason != ''",
        "Message.reason.in_(WORDS)",
    ],
)
def test_a_decision_by_a_sentence_is_found(source):
    assert list(decisions(source)) == [1]


def decisions(source):
    """Yield the lines that compare the words of a reason, or search in them."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare) and any(map(is_sentence, (node.left, *node.comparators))):
            yield node.lineno
        if isinstance(node, ast.Attribute) and is_sentence(node.value):
            yield node.lineno


def is_sentence(node):
    return isinstance(node, ast.Attribute) and node.attr in SENTENCES
