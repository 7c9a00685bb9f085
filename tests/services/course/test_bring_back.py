"""Who is to be brought back: each reason, what takes an entry off the list, and that no one is on it without one."""

from datetime import timedelta

from scheduler.domain.status import AppointmentStatus, CarePlanStatus, CourseEffect
from scheduler.services.course import boosters, bring_back, careplans, make_ups
from scheduler.services.course.bring_back import Why
from scheduler.services.visit import requirements
from scheduler.services.visit.visits import cancel
from tests.cast import NOW
from tests.services.courses import book, visit

DAY = timedelta(days=1)


def listed(session, cast, now=NOW):
    return [(one.why, one.patient.given_name) for one in bring_back.listed(session, cast.clinic, now)]


def test_no_one_is_listed_while_all_goes_as_planned(session, harbor, nora_course):
    assert listed(session, harbor) == []


def test_a_canceled_visit_is_listed_until_it_is_made_up_for(session, harbor, hill, nora_course):
    alice, gone = harbor.actor("alice"), visit(nora_course, "infusion-2")
    cancel(session, alice, [gone], NOW, "ill", side="patient")
    [entry, *calls] = bring_back.listed(session, harbor.clinic, NOW)

    assert (entry.why, entry.visit, entry.on) == (Why.MAKE_UP, gone, gone.local_start.date())
    assert {one.why for one in calls} <= {Why.MAKE_UP}  # the check-in call goes along
    assert listed(session, hill) == []
    make_ups.book_make_up(session, alice, make_ups.plan_make_up(session, alice, gone, NOW), NOW)
    assert listed(session, harbor) == []


def test_an_active_course_with_nothing_ahead_is_listed_with_the_day_of_its_last_visit(
    session, harbor, nora_course
):
    first = visit(nora_course, "consult")
    now = first.end_at + 3 * DAY
    first.status = AppointmentStatus.FULFILLED
    skip = {"course_effect": CourseEffect.SKIP, "override_reason": "moved to another clinic"}
    cancel(
        session,
        harbor.prescriber,
        [one for one in nora_course.appointments if one.status.is_ahead],
        NOW,
        **skip,
    )
    [entry] = bring_back.listed(session, harbor.clinic, now)

    assert (entry.why, entry.course, entry.visit) == (Why.NOTHING_AHEAD, nora_course, None)
    assert entry.on == first.local_start.date()


def completed(session, harbor, course):
    for one in course.appointments:
        one.status = AppointmentStatus.FULFILLED if one.status.is_live else AppointmentStatus.CANCELLED
        one.course_effect = None
    end = max(one.end_at for one in course.appointments if one.status is AppointmentStatus.FULFILLED)
    careplans.complete(session, harbor.actor("alice"), course, end + DAY)
    assert course.status is CarePlanStatus.COMPLETED
    return end + DAY


def test_after_a_completed_course_a_patient_with_nothing_ahead_is_listed_for_ninety_days(
    session, harbor, nora_course
):
    end = completed(session, harbor, nora_course)
    days = [listed(session, harbor, end + n * DAY) for n in (1, 89, 90)]

    assert days == [[(Why.NOTHING_AHEAD, "Nora")], [(Why.NOTHING_AHEAD, "Nora")], []]


def test_a_new_course_takes_the_patient_off_the_list(session, harbor, nora_course):
    end = completed(session, harbor, nora_course)
    assert listed(session, harbor, end + DAY) == [(Why.NOTHING_AHEAD, "Nora")]
    book(session, harbor, "therapy-6", now=end + DAY, not_before=(end + 3 * DAY).date())

    assert listed(session, harbor, end + DAY) == []


def test_a_patient_who_died_or_left_is_not_brought_back(session, harbor, nora_course):
    end = completed(session, harbor, nora_course)
    nora_course.patient.active = False
    session.flush()

    assert listed(session, harbor, end + DAY) == []


def test_a_booster_is_listed_when_it_is_due_until_it_is_booked(session, harbor, nora_course):
    booster = visit(nora_course, "booster-1")
    near = booster.start_at - 20 * DAY
    found = [one for one in bring_back.listed(session, harbor.clinic, near) if one.why is Why.BOOSTER]

    assert [(one.visit, one.on) for one in found] == [(booster, booster.book_by_on)]
    boosters.book_proposed(
        session, harbor.actor("alice"), booster, booster.start_at.replace(hour=15, minute=0), near
    )
    assert Why.BOOSTER not in [why for why, _ in listed(session, harbor, near)]


def authorized(session, harbor, course, visits, until):
    more = {"document": "A-17", "approved_visits": visits, "valid_until_on": until}
    requirements.complete(session, harbor.actor("mona"), course, "authorization", NOW, **more)


def test_an_authorization_is_listed_when_it_does_not_cover_what_is_booked(session, harbor):
    course = book(session, harbor, "esketamine-nasal")
    dosing = [one for one in course.appointments if one.dosing and one.status.is_live]
    last = max(one.local_start.date() for one in dosing)
    authorized(session, harbor, course, len(dosing), last + 60 * DAY)
    assert listed(session, harbor) == []
    authorized(session, harbor, course, len(dosing) - 1, last + 60 * DAY)
    [entry] = bring_back.listed(session, harbor.clinic, NOW)

    assert (entry.why, entry.course, entry.on) == (Why.AUTHORIZATION, course, last + 60 * DAY)
    assert entry.details.startswith(f"{len(dosing) - 1} visits left, until ")
    assert entry.details.endswith(f"; {len(dosing)} booked")


def test_an_authorization_is_listed_three_weeks_before_its_last_day(session, harbor):
    course = book(session, harbor, "esketamine-nasal")
    last = max(one.local_start.date() for one in course.appointments if one.dosing and one.status.is_live)
    authorized(session, harbor, course, 50, last)
    soon = NOW + ((last - NOW.date()).days - 21) * DAY
    days = [listed(session, harbor, at) for at in (soon - DAY, soon)]

    assert [[why for why, _ in found if why is Why.AUTHORIZATION] for found in days] == [
        [],
        [Why.AUTHORIZATION],
    ]
