"""A course by weeks: every visit once, what follows a dose below it, and what a week is about."""

from itertools import pairwise

from scheduler.services.course.course_pictures import picture
from scheduler.services.course.course_weeks import series_of, weeks_of
from scheduler.services.visit.visits import cancel
from tests.cast import NOW
from tests.services.courses import visit


def listed(session, harbor, course):
    shown = picture(session, harbor.clinic, course, NOW)
    return shown, weeks_of(shown, harbor.clinic.formats)


def test_every_visit_is_listed_once_in_the_week_in_which_it_begins(session, harbor, nora_course):
    shown, weeks = listed(session, harbor, nora_course)
    found = [one.visit.id for week in weeks for row in week.rows for one in (row.step, *row.following)]

    assert sorted(found) == sorted(step.visit.id for step in shown.steps)
    assert all(
        week.first_on <= row.step.visit.local_start.date() <= week.last_on
        for week in weeks
        for row in week.rows
    )
    assert all(before.last_on < after.first_on for before, after in pairwise(weeks))


def test_calls_and_therapy_are_below_the_infusion_that_they_follow(session, harbor, nora_course):
    _, weeks = listed(session, harbor, nora_course)
    rows = {row.step.visit.action: row for week in weeks for row in week.rows}

    assert [one.visit.action for one in rows["infusion-2"].following] == ["call-2", "therapy-2"]
    assert not {"call-1", "therapy-1"} & rows.keys()
    assert rows["consent"].following == ()
    assert [one.rule.key for one in rows["infusion-2"].requirements] == ["driver"]


def test_a_week_says_which_doses_it_has_and_the_first_ones_that_they_prepare(session, harbor, nora_course):
    _, weeks = listed(session, harbor, nora_course)
    numbers = [
        [row.step.visit.position for row in week.rows if row.step.visit.series == "infusion"]
        for week in weeks
    ]
    titles = {tuple(one): week.title for one, week in zip(numbers, weeks, strict=True) if one}

    assert titles == {
        one: f"Infusion {one[0]}" if len(one) == 1 else f"Infusions {one[0]}–{one[-1]}" for one in titles
    }
    assert weeks[0].title == "Preparation" or numbers[0]
    assert weeks[-1].title == "Boosters 1–3"


def test_what_follows_a_canceled_infusion_is_shown_by_itself(session, harbor, nora_course):
    gone = visit(nora_course, "infusion-2")
    cancel(session, harbor.actor("alice"), [gone], NOW, "ill")
    _, weeks = listed(session, harbor, nora_course)
    rows = {row.step.visit.action: row for week in weeks for row in week.rows}

    assert rows["infusion-2"].following == ()
    assert "therapy-2" in rows


def test_progress_counts_the_doses_and_not_what_is_proposed_for_later(session, harbor, nora_course):
    shown, _ = listed(session, harbor, nora_course)

    assert [one.visit.action for one in series_of(shown)] == [f"infusion-{n}" for n in range(1, 7)]
