"""Every kind of mail, read by programs of Debian: w3m shows each fact apart, SpamAssassin's own rules find no fault.

SpamAssassin runs with its local rules alone: no network, no list, no statistics of anyone's mail.
"""

import re
import subprocess
from email import message_from_bytes
from email.policy import default

import pytest

from scheduler.ical import Method, invitation
from tests.cast import NOW
from tests.chaos.debian import program
from tests.interop.mails import WITH_INVITATION, mail_of
from tests.notify.test_without_styles import KINDS, facts, page_of
from tests.visits import add_visit

MOST = 0.5  # of the 5.0 at which mail is called spam
SCORE = re.compile(
    r"^X-Spam-Status: \w+, score=(-?[\d.]+).*?tests=(.*?)\s+autolearn", re.MULTILINE | re.DOTALL
)


def shown(page, tmp_path):
    """Return what w3m shows of a page at 80 columns."""
    file = tmp_path / "mail.html"
    file.write_text(page, encoding="utf-8")
    options = ["-T", "text/html", "-I", "UTF-8", "-O", "UTF-8", "-cols", "80", "-dump", str(file)]
    return subprocess.run(
        [program("w3m", "w3m"), *options], check=True, capture_output=True, text=True
    ).stdout


@pytest.mark.parametrize(("language", "kind"), KINDS)
def test_w3m_shows_every_fact_as_a_word_of_its_own(language, kind, tmp_path):
    found, page = page_of(language, kind)
    text = " ".join(shown(page, tmp_path).split())

    for fact in facts(found):
        wanted = re.escape(" ".join(fact.split()))
        assert re.search(rf"(?<!\S)[(\[]?{wanted}[)\].]?(?!\w)", text, re.IGNORECASE), (fact, text)


@pytest.mark.timeout(1800)
def test_no_kind_of_mail_looks_like_spam(session, harbor, tmp_path):
    visit = add_visit(session, harbor, "Chair 1", NOW)
    calendar = invitation(
        harbor.clinic, visit, "nora@example.org", "Harbor Clinic <desk@harborclinic.com>", Method.REQUEST
    )
    mails = {}
    for language, kind in KINDS:
        mails[f"{kind} {language}"] = mail_of(
            language, kind, calendar=calendar if kind in WITH_INVITATION else None
        )
        mails[f"several {kind} {language}"] = mail_of(language, kind, several=True)
    scores = scored(mails, tmp_path)
    worst = max(scores, key=lambda name: scores[name][0])
    print(f"\nSpamAssassin: {len(scores)} mails, {sum(score <= 0 for score, _ in scores.values())} at 0.0 or less, "
          f"highest {scores[worst][0]} ({worst}: {scores[worst][1]})")  # fmt: skip

    assert len(scores) == len(mails)
    assert {name: found for name, found in scores.items() if found[0] > MOST} == {}


def test_a_host_name_that_spammers_like_is_found(tmp_path):
    """Links to visits.clinic.com: docs/mail.md says to choose another name."""
    content = mail_of("en", "reminder").replace(b"//schedule.", b"//visits.")
    [(score, rules)] = scored({"visits": content}, tmp_path).values()

    assert (score > MOST, "URI_TRY_3LD" in rules) == (True, True)


def scored(mails, tmp_path):
    """Return the score of each mail and the rules that made it."""
    folder = tmp_path / "spam"
    folder.mkdir()
    (folder / "user_prefs").write_text("use_bayes 0\nuse_auto_whitelist 0\n")
    file, names = folder / "mails.mbox", list(mails)
    with file.open("wb") as box:
        for content in mails.values():
            lines = content.replace(b"\r\n", b"\n")
            box.write(b"From desk@harborclinic.com Mon Nov 30 13:00:00 2026\n")
            box.write(re.sub(rb"^From ", b">From ", lines, flags=re.MULTILINE) + b"\n")
    command = [
        *(program("spamassassin", "spamassassin"), "--local", "--test-mode", "--mbox"),
        *("--prefspath", str(folder / "user_prefs"), str(file)),
    ]
    done = subprocess.run(
        command, check=True, capture_output=True, env={"HOME": str(folder), "PATH": "/usr/bin:/bin"}
    )
    heads = re.split(rb"^From .*\n", done.stdout, flags=re.MULTILINE)[1:]
    found = [SCORE.search(head_of(head)) for head in heads]
    return {name: (float(one[1]), one[2]) for name, one in zip(names, found, strict=True)}


def head_of(content):
    status = message_from_bytes(content, policy=default)["X-Spam-Status"]
    return f"X-Spam-Status: {status}"
