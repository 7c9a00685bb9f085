import pytest

from scheduler.domain.message_kinds import MessageKind
from scheduler.domain.reminders import KIND_OF_TOPIC, Topic
from scheduler.services.mail import mail_texts
from scheduler.web.settings.rules import WHATS


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
