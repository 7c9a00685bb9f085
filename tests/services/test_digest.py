from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from scheduler.models.message import Message, MessageKind
from scheduler.models.user import User
from scheduler.services import digest
from tests.cast import NOW
from tests.visits import add_visit

SEVEN = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)  # in New York


def written(session):
    query = (
        select(User.name).join(Message, Message.user_id == User.id).where(Message.kind == MessageKind.DIGEST)
    )
    return sorted(session.scalars(query))


def ready(session, harbor):
    harbor.clinic.settings_document = {"digest_at": "07:00"}
    session.flush()


def test_the_digest_comes_at_seven_once_a_day_to_those_who_plan(session, harbor, hill):
    ready(session, harbor)
    counts = [
        digest.enqueue_due(session, harbor.clinic, SEVEN + timedelta(minutes=minutes))
        for minutes in (-1, 0, 1, 179, 24 * 60)
    ]

    assert counts == [0, 3, 0, 0, 3]
    assert set(written(session)) == {"Ada", "Mona", "Alice"}


def test_after_a_long_downtime_it_does_not_come(session, harbor):
    ready(session, harbor)

    assert digest.enqueue_due(session, harbor.clinic, SEVEN + timedelta(hours=3)) == 0


def test_a_clinic_that_does_not_want_it_gets_none(session, harbor):
    assert digest.enqueue_due(session, harbor.clinic, SEVEN) == 0


def test_it_holds_numbers_and_no_names(session, harbor):
    add_visit(session, harbor, "Chair 1", NOW)

    assert digest.lines_of(session, harbor.clinic, NOW) == [
        "1 visit today",
        "0 patients to call",
        "0 mails may not have arrived",
    ]
