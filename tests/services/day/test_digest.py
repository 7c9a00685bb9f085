from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from scheduler.domain.status import Response
from scheduler.models.message import Message, MessageKind
from scheduler.models.user import User
from scheduler.services.day import digest
from tests.cast import NOW
from tests.services.courses import visit
from tests.visits import add_visit

SEVEN = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)  # in New York


def written(session):
    query = (
        select(User.name).join(Message, Message.user_id == User.id).where(Message.kind == MessageKind.DIGEST)
    )
    return sorted(session.scalars(query))


def test_the_digest_comes_at_seven_once_a_day_to_those_who_plan(session, harbor, hill):
    counts = [
        digest.enqueue_due(session, harbor.clinic, SEVEN + timedelta(minutes=minutes))
        for minutes in (-1, 0, 1, 179, 24 * 60)
    ]

    assert counts == [0, 3, 0, 0, 3]
    assert set(written(session)) == {"Ada", "Mona", "Alice"}


def test_after_a_long_downtime_it_does_not_come(session, harbor):

    assert digest.enqueue_due(session, harbor.clinic, SEVEN + timedelta(hours=3)) == 0


def test_a_clinic_that_does_not_want_it_gets_none(session, harbor):
    harbor.clinic.settings_document = {"digest_at": ""}
    assert digest.enqueue_due(session, harbor.clinic, SEVEN) == 0


def test_a_quiet_day_is_one_line(session, harbor):
    assert digest.lines_of(session, harbor.clinic, NOW) == ["0 visits today"]


def test_it_holds_numbers_and_initials_and_no_names(session, harbor):
    first = add_visit(session, harbor, "Chair 1", NOW)
    add_visit(session, harbor, "Chair 2", NOW + timedelta(hours=3)).response = Response.ACCEPTED
    harbor.patients["Nora"].unsubscribed_at = NOW - timedelta(hours=2)
    harbor.patients["Nora"].email_bad_at = NOW - timedelta(hours=30)
    lines = digest.lines_of(session, harbor.clinic, NOW)

    assert lines == [
        "2 visits today, the first at 8:00 AM (New York time, EST)",
        "Not confirmed (1): N.L. 8:00 AM",
        "1 patient opted out of reminders since yesterday",
    ]
    assert first.patient.family_name not in "".join(lines)


def test_it_tells_what_is_missing_today_and_what_to_book(session, harbor, nora_course):
    care_plan = nora_course
    infusion, proposed = visit(care_plan, "infusion-2"), visit(care_plan, "booster-1")
    today = digest.lines_of(session, harbor.clinic, infusion.start_at - timedelta(hours=2))
    later = digest.lines_of(session, harbor.clinic, proposed.start_at - timedelta(days=20))

    assert any(line.startswith("Open requirements (1): N.L.") for line in today)
    assert "1 booster due to book" in later


def test_another_clinics_day_is_not_told(session, harbor, hill):
    add_visit(session, hill, "Liege 1", NOW)

    assert digest.lines_of(session, harbor.clinic, NOW) == ["0 visits today"]
