"""Requirements of a course."""

from datetime import timedelta

import pytest

from scheduler.domain.plan_files import checked_plan, to_document
from scheduler.domain.reminders import Topic
from scheduler.domain.status import AppointmentStatus
from scheduler.errors import Invalid, NotFound
from scheduler.models.open_requirements import is_needed, topics_missing
from scheduler.models.plan_definition import current
from scheduler.services.clinic import plans
from scheduler.services.day import missing_requirements
from scheduler.services.visit import requirements, visits
from tests.cast import NOW
from tests.services.courses import book, visit

ONCE = ("psychiatric-evaluation", "medical-clearance", "consent")


@pytest.fixture
def care_plan(session, harbor, nora_course):
    return nora_course


@pytest.fixture
def paul(harbor):
    return harbor.prescriber


def close_all(session, actor, care_plan, infusion, at):
    for key in (*ONCE, "pregnancy-test"):
        requirements.complete(session, actor, care_plan, key, at)
    requirements.complete(session, actor, care_plan, "driver", at, appointment=infusion)


def test_closing_the_last_requirement_books_the_visit(session, paul, care_plan):
    infusion = visit(care_plan, "infusion-1")
    sequence = infusion.sequence
    at = infusion.start_at - timedelta(days=2)
    close_all(session, paul, care_plan, infusion, at)

    assert requirements.open_requirements(infusion) == []
    assert infusion.status is AppointmentStatus.BOOKED
    assert infusion.sequence == sequence + 1


def test_a_requirement_per_session_is_closed_for_one_visit_only(session, paul, care_plan):
    requirements.complete(session, paul, care_plan, "driver", NOW, appointment=visit(care_plan, "infusion-1"))

    assert "driver" not in {
        requirement.key for requirement in requirements.open_requirements(visit(care_plan, "infusion-1"))
    }
    assert "driver" in {
        requirement.key for requirement in requirements.open_requirements(visit(care_plan, "infusion-2"))
    }


def test_a_requirement_that_holds_for_days_opens_again(session, paul, care_plan):
    first, last = visit(care_plan, "infusion-1"), visit(care_plan, "infusion-6")
    requirements.complete(session, paul, care_plan, "pregnancy-test", first.start_at - timedelta(days=1))

    assert "pregnancy-test" not in {requirement.key for requirement in requirements.open_requirements(first)}
    assert "pregnancy-test" in {requirement.key for requirement in requirements.open_requirements(last)}


def test_reopening_makes_the_visit_tentative_again(session, paul, care_plan):
    infusion = visit(care_plan, "infusion-1")
    close_all(session, paul, care_plan, infusion, infusion.start_at - timedelta(days=2))
    requirements.reopen(session, paul, care_plan, "consent", NOW)

    assert infusion.status is AppointmentStatus.PENDING


def test_an_unknown_requirement_is_refused_by_name(session, paul, care_plan):
    with pytest.raises(NotFound, match="no requirement passport"):
        requirements.complete(session, paul, care_plan, "passport", NOW)


def test_a_requirement_per_session_asks_for_the_visit(session, paul, care_plan):
    with pytest.raises(NotFound, match="specify the visit"):
        requirements.complete(session, paul, care_plan, "driver", NOW)


@pytest.fixture
def authorized(session, harbor):
    """A course whose protocol asks for an authorization of so many visits."""
    document = to_document(current(session, harbor.clinic.id, "therapy-6").plan)
    document["key"] = "therapy-authorized"
    document["requirements"] = [
        {"key": "authorization", "title": "Insurance authorization", "holds": "visits", "reference": True}
    ]
    for action in document["actions"]:
        action["requirements"] = ["authorization"]
    plans.load(session, harbor.command, checked_plan(document), NOW)
    return book(session, harbor, "therapy-authorized")


def authorize(session, actor, course, visits, **more):
    return requirements.complete(
        session, actor, course, "authorization", NOW, document="A-17", approved_visits=visits, **more
    )


def standing(course):
    return [one.status.value for one in sorted(course.appointments, key=lambda one: one.start_at)]


def test_an_authorization_covers_as_many_visits_as_were_approved(session, harbor, paul, authorized):
    row = authorize(session, paul, authorized, 4)
    rule = authorized.plan_definition.plan.requirement("authorization")
    count = requirements.count_of(authorized, rule, row)

    assert standing(authorized) == ["booked"] * 4 + ["pending"] * 2
    assert (count.left, count.used, count.planned, count.beyond) == (4, 0, 6, 2)
    assert "is valid for 4 visits, and this is number 5" in why(authorized, "therapy-5")


def why(course, action):
    return next(one.why for one in requirements.open_requirements(visit(course, action)))


def test_the_visits_that_come_first_are_covered_when_one_is_canceled(session, harbor, paul, authorized):
    authorize(session, paul, authorized, 4)
    visits.cancel(session, harbor.actor("alice"), [visit(authorized, "therapy-2")], NOW, "ill")

    assert standing(authorized) == ["booked", "cancelled", "booked", "booked", "booked", "pending"]


def test_an_authorization_ends_before_the_first_visit_after_its_last_day(session, paul, authorized):
    fifth = visit(authorized, "therapy-5")
    until = fifth.local_start.date() - timedelta(days=1)
    row = authorize(session, paul, authorized, 6, valid_until_on=until)
    rule = authorized.plan_definition.plan.requirement("authorization")

    assert requirements.count_of(authorized, rule, row).expires_before is fifth
    assert standing(authorized) == ["booked"] * 4 + ["pending"] * 2


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"approved_visits": 6}, "document"),
        ({"document": "A-17"}, "approved_visits"),
        ({"document": "A-17", "approved_visits": 6, "applies": False}, "applies"),
    ],
)
def test_what_the_protocol_asks_for_must_be_given(session, paul, authorized, given, wrong):
    with pytest.raises(Invalid) as refused:
        requirements.complete(session, paul, authorized, "authorization", NOW, **given)

    assert [error["field"] for error in refused.value.details["errors"]] == [wrong]


def test_what_does_not_apply_is_closed_and_what_is_not_asked_stays_with_the_staff(session, paul, care_plan):
    infusion = visit(care_plan, "infusion-1")
    for key in ONCE:
        requirements.complete(session, paul, care_plan, key, NOW)
    requirements.complete(session, paul, care_plan, "driver", NOW, appointment=infusion)
    [test] = requirements.open_requirements(infusion)
    assert (test.key, test.applies) == ("pregnancy-test", None)
    assert (topics_missing(infusion), is_needed(infusion, NOW)) == (frozenset(), False)
    assert missing_requirements.of_day(session, [infusion]) == {infusion.id: []}

    requirements.reopen(session, paul, care_plan, "pregnancy-test", NOW, applies=True)
    assert topics_missing(infusion) == {Topic.REQUIREMENTS}
    assert [rule.key for rule in missing_requirements.of_day(session, [infusion])[infusion.id]] == [
        "pregnancy-test"
    ]
    requirements.complete(session, paul, care_plan, "pregnancy-test", NOW, applies=False)
    assert infusion.status is AppointmentStatus.BOOKED


def test_a_held_course_lists_the_requirements_of_its_protocol(session, harbor):
    held = book(session, harbor, reserve_minutes=60)

    assert {row.key for row in held.requirements} >= {"consent", "pregnancy-test", "driver"}
