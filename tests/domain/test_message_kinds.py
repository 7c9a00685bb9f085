"""Every kind of message has its words, and every set of kinds knows it."""

import pytest

from scheduler.domain.message_kinds import (
    ANNOUNCING,
    BEFORE_A_VISIT,
    REMINDING,
    REWORDABLE,
    TO_STAFF,
    MessageKind,
)
from scheduler.domain.reminders import KIND_OF_TOPIC, Topic
from scheduler.services.mail import mail_texts
from scheduler.web.settings.rules import WHATS

SETS = {
    "announces": ANNOUNCING,
    "reminds": REMINDING,
    "before": BEFORE_A_VISIT,
    "staff": TO_STAFF,
    "rewordable": REWORDABLE,
}
IN = {
    "confirmation": "announces rewordable",
    "change": "announces rewordable",
    "cancellation": "announces rewordable",
    "reminder": "reminds before rewordable",
    "requirement-missing": "reminds before rewordable",
    "driver": "reminds before rewordable",
    "booster": "reminds rewordable",
    "check-in": "reminds rewordable",
    "link": "rewordable",
    "request-answer": "",
    "proposal": "rewordable",
    "offer": "rewordable",
    "address": "",
    "digest": "staff rewordable",
    "figures": "staff rewordable",
    "notice": "staff rewordable",
    "account": "staff",
}


@pytest.mark.parametrize("kind", MessageKind)
def test_each_kind_is_in_the_sets_that_it_fits(kind):
    assert {name for name, kinds in SETS.items() if kind in kinds} == set(IN[kind].split())


@pytest.mark.parametrize("kind", MessageKind)
def test_each_kind_has_words_of_its_own(kind):
    assert kind.words[0].isupper()
    assert [one for one in MessageKind if one.words == kind.words] == [kind]
    assert kind.words_inside == kind.words[0].lower() + kind.words[1:]


@pytest.mark.parametrize("kind", MessageKind)
def test_the_page_of_texts_takes_the_words_of_a_kind(kind):
    assert mail_texts.TITLES[kind] == kind.words


@pytest.mark.parametrize("topic", Topic)
def test_the_page_of_rules_takes_the_words_of_a_topics_kind(topic):
    assert dict(WHATS)[f"{topic} before-start"] == f"{KIND_OF_TOPIC[topic].words}, before"
