"""A clinic with two sites: nothing crosses by itself, and a site that closes closes alone."""

from dataclasses import replace
from datetime import time, timedelta

import pytest

from scheduler.domain.localtime import day_bounds, local_on
from scheduler.domain.status import Response
from scheduler.errors import Invalid, NoFitFound, WrongStatus
from scheduler.models.audit_event import AuditEvent
from scheduler.models.location import every
from scheduler.models.message import Message, MessageKind, MessageState
from scheduler.models.plan_definition import current
from scheduler.models.versions import feed_version
from scheduler.services.clinic import clinics, displaced, places, schedules, sites
from scheduler.services.clinic.schedules import Hours
from scheduler.services.course import booking, make_ups
from scheduler.services.planning import availability, free_times, proposals
from scheduler.services.planning.wishes import of_care_plan
from scheduler.services.replan import affected, replans
from scheduler.services.visit import moves, undo, visits
from scheduler.services.visit.move_times import MoveTimes
from scheduler.services.visit.moves import MovePlanner
from scheduler.services.waitlist import entries, openings, who_fits
from scheduler.services.waitlist.entries import WaitWishes
from tests.cast import NOW, add_patient
from tests.engines import both
from tests.services.courses import MONDAY, book, visit, wishes
from tests.sites import add_north, sites_of_visits
from tests.visits import add_visit, single

DAY = timedelta(days=1)
WHY = "one visit is enough for a test"
AT = NOW + 7 * DAY + timedelta(hours=3)  # 11 AM on the Monday after


@pytest.fixture
def north(session, harbor):
    return add_north(session, harbor)


@pytest.fixture
def mona(harbor):
    return harbor.actor("mona")


@pytest.fixture
def alice(harbor):
    return harbor.actor("alice")


def close_site(session, mona, site, on):
    start, end = day_bounds(on, mona.clinic.zone)
    closure, touched = schedules.close(session, mona, start, end, NOW, site.resource, reason="a flood")
    session.flush()
    return closure, touched


def close_place(session, harbor, place):
    start, end = NOW + 8 * DAY, NOW + 200 * DAY
    schedules.close(session, harbor.actor("mona"), start, end, NOW, harbor.places[place].resource)
    session.flush()


@both
def test_a_clinic_has_a_site_from_its_beginning_and_nothing_to_choose(session):
    clinic = clinics.found(session, "quay", "Quay Clinic", "America/New_York", NOW, address="1 Quay")

    assert [one.name for one in sites.active(session, clinic.id)] == ["Main"]
    assert sites.choices(session, clinic) == []


@both
def test_places_are_at_the_first_site_unless_another_is_named(session, harbor, north):
    assert {place.name: place.site.name for place in every(session, harbor.clinic.id)} == {
        "Chair 1": "Main",
        "Chair 2": "Main",
        "Chair 3": "Main",
        "Room A": "Main",
        "North 1": "North",
        "North 2": "North",
        "North room": "North",
    }


@both
@pytest.mark.parametrize("name", ["Main", "North"])
def test_every_visit_of_a_course_is_at_the_site_that_is_asked_for(session, harbor, north, name):
    site = {one.name: one for one in sites.active(session, harbor.clinic.id)}[name]
    care_plan = book(session, harbor, site=site)

    assert sites_of_visits(care_plan.appointments) == {name}
    assert of_care_plan(session, care_plan).site is site


@both
def test_the_hours_and_closures_of_a_site_cut_those_of_its_chairs_alone(session, harbor, north, mona):
    schedules.set_hours(session, mona, north.resource, [Hours(1, time(12), time(20))], NOW)
    close_site(session, mona, north, MONDAY + 7 * DAY)
    calendar = availability.load(session, harbor.clinic, MONDAY, 8, NOW)

    def on_duty(place):
        cells, grid = calendar.duty[harbor.places[place].resource_id], calendar.grid
        at = [grid.instant(cell) for cell in range(grid.size) if cells >> cell & 1]
        days = sorted({local_on(one, harbor.clinic.zone) for one in at})
        return (
            days,
            min(at).astimezone(harbor.clinic.zone).time(),
            max(at).astimezone(harbor.clinic.zone).time(),
        )

    assert on_duty("North 1") == ([MONDAY], time(12), time(17, 55))  # the clinic closes at 6 PM
    assert on_duty("Chair 1")[0] == [MONDAY + n * DAY for n in (0, 1, 2, 3, 4, 7)]
    assert on_duty("Chair 1")[1:] == (time(8), time(17, 55))


@both
def test_a_chair_with_hours_of_its_own_works_when_both_do(session, harbor, north, mona):
    schedules.set_hours(session, mona, north.resource, [Hours(1, time(12), time(18))], NOW)
    own = [Hours(1, time(9), time(14)), Hours(2, time(9), time(14))]
    schedules.set_hours(session, mona, harbor.places["North 1"].resource, own, NOW)
    calendar = availability.load(session, harbor.clinic, MONDAY, 7, NOW)

    assert calendar.duty[harbor.places["North 1"].resource_id].bit_count() == 24  # noon to 2 PM on Monday


@both
def test_a_closed_site_displaces_only_its_own_visits(session, harbor, north, mona):
    here = add_visit(session, harbor, "Chair 1", AT)
    there = add_visit(session, harbor, "North 1", AT, add_patient(session, harbor, "Olga", "Oak"))
    closure, touched = close_site(session, mona, north, MONDAY)

    found = displaced.ahead(session, harbor.clinic, NOW)
    assert [(one.visit, one.unavailable) for one in found] == [(there, ("North",))]
    assert touched == [there]
    scope = replans.of_closure(closure)
    assert [one.visit for one in affected.displaced_visits(session, mona, scope, NOW)] == [there]

    schedules.reopen(session, mona, closure, NOW)
    session.flush()
    assert displaced.ahead(session, harbor.clinic, NOW) == []
    assert here.status.is_live


@both
def test_hours_of_a_site_displace_too(session, harbor, north, mona):
    there = add_visit(session, harbor, "North 1", AT)
    schedules.set_hours(session, mona, north.resource, [Hours(2, time(8), time(18))], NOW)
    session.flush()

    assert [one.visit for one in displaced.ahead(session, harbor.clinic, NOW)] == [there]


@both
def test_a_course_at_a_closed_site_finds_its_new_times_there(session, harbor, north, mona):
    care_plan = book(session, harbor, site=north)
    first = visit(care_plan, "infusion-1")
    close_site(session, mona, north, local_on(first.start_at, harbor.clinic.zone))
    rows = [one.visit for one in displaced.ahead(session, harbor.clinic, NOW)]
    courses, _ = affected.courses(session, mona, rows, NOW)

    assert first in rows
    assert {action.site for one in courses for action in one.course.request.plan.actions} == {
        north.resource_id
    }


@both
def test_a_move_stays_at_its_site_and_goes_to_another_only_if_asked(session, harbor, north, alice):
    mine = single(session, harbor, harbor.patients["Nora"], "infusion-1", AT, "Chair 1")
    for name in ("Chair 1", "Chair 2", "Chair 3"):
        add_visit(session, harbor, name, AT + DAY, add_patient(session, harbor, name, "Taken"))

    with pytest.raises(NoFitFound):
        moves.plan_move(session, alice, mine, AT + DAY, NOW)
    planned = moves.plan_move(session, alice, mine, AT + DAY, NOW, location=north)
    moves.apply_moves(session, alice, planned, NOW)
    assert mine.location.site is north


@both
def test_a_visit_of_a_course_moves_to_another_site_and_the_rest_stays(session, harbor, north, alice):
    care_plan = book(session, harbor)
    infusion = visit(care_plan, "infusion-2")
    planned = moves.plan_move(
        session, alice, infusion, infusion.start_at, NOW, location=north, scope="following"
    )
    moves.apply_moves(session, alice, planned, NOW)

    assert infusion.location.site is north
    assert sites_of_visits([one for one in care_plan.appointments if one is not infusion]) == {"Main"}
    back = moves.plan_move(
        session, alice, infusion, infusion.start_at, NOW, location=harbor.places["Chair 1"]
    )
    moves.apply_moves(session, alice, back, NOW)
    assert sites_of_visits(care_plan.appointments) == {"Main"}


@both
def test_a_move_to_another_site_is_undone(session, harbor, north, alice):
    mine = visit(book(session, harbor), "infusion-2")
    before = mine.location
    moves.apply_moves(
        session, alice, moves.plan_move(session, alice, mine, mine.start_at, NOW, location=north), NOW
    )
    undo.undo(session, alice, mine, "reschedule", NOW + timedelta(minutes=1))

    assert mine.location is before


@both
def test_the_strip_says_why_a_site_has_no_time(session, harbor, north, alice, mona):
    mine = single(session, harbor, harbor.patients["Nora"], "infusion-1", AT, "North 1")
    close_site(session, mona, north, MONDAY + DAY)
    schedules.set_hours(
        session, mona, north.resource, [Hours(day, time(8), time(18)) for day in (1, 2, 4)], NOW
    )
    week = free_times.week(MoveTimes(MovePlanner(session, alice, mine, NOW)), MONDAY)

    assert [one.why for one in week.days[1:4]] == ["Closed: a flood", "Closed", ""]
    assert [bool(one.times) for one in week.days] == [True, False, False, True, False, False, False]


@both
def test_a_time_that_opens_at_one_site_is_not_for_who_waits_at_the_other(session, harbor, north, alice):
    there = book(session, harbor, site=north)
    for name in ("Olga", "Omar"):
        add_patient(session, harbor, name, "Oak")
    for name, site in (("Olga", north), ("Omar", None)):
        last = visit(book(session, harbor, patient=name, site=site), "infusion-6")
        entries.wait_for_earlier(session, alice, last, WaitWishes(), NOW)
    for place in ("Chair 1", "Chair 2", "Chair 3"):  # nothing was ever free at the other site
        close_place(session, harbor, place)
    gone = visit(there, "infusion-6")
    moved = moves.plan_move(session, alice, gone, gone.start_at - DAY, NOW, scope="following")
    moves.apply_moves(session, alice, moved, NOW)
    visits.cancel(session, alice, [gone], NOW)
    opening = openings.of_visit(session, gone, NOW)
    found = who_fits.candidates(session, alice, opening, NOW)

    assert [one.entry.patient.given_name for one in found] == ["Olga"]


@both
def test_a_make_up_is_at_the_site_of_what_it_makes_up_for(session, harbor, north, alice):
    care_plan = book(session, harbor, site=north)
    gone = visit(care_plan, "infusion-3")
    visits.cancel(session, alice, [gone], NOW, "ill", "patient")
    made = make_ups.book_make_up(session, alice, make_ups.plan_make_up(session, alice, gone, NOW), NOW)

    assert made.location.site is north


@both
def test_a_single_visit_is_where_the_patient_was_last(session, harbor, north, alice):
    nora, olga = harbor.patients["Nora"], add_patient(session, harbor, "Olga", "Oak")
    add_visit(session, harbor, "North 1", AT, nora)
    plan = current(session, harbor.clinic.id, "iv-depression-6").plan
    step = replace(plan.action("infusion-1"), requirements=())
    booked = [
        booking.book_visit(session, harbor.prescriber, one, step, AT + DAY + hours, NOW, override_reason=WHY)
        for one, hours in ((nora, timedelta()), (olga, timedelta(hours=2)))
    ]

    assert [sites_of_visits([one]) for one in booked] == [{"North"}, {"Main"}]
    assert sites.usual(session, harbor.clinic, nora) is north


@both
def test_another_site_at_the_same_time_is_a_change_that_patients_are_told_of(session, harbor, north, alice):
    mine = visit(book(session, harbor), "infusion-1")
    sent = session.query(Message).filter_by(kind=MessageKind.CONFIRMATION).one()
    sent.state, sent.data_at = MessageState.SENT, NOW
    mine.response = Response.ACCEPTED
    before = (mine.sequence, mine.schedule_version, mine.start_at)
    moves.apply_moves(
        session, alice, moves.plan_move(session, alice, mine, mine.start_at, NOW, location=north), NOW
    )

    change = session.query(Message).filter_by(kind=MessageKind.CHANGE).one()
    assert [one.appointment_id for one in change.subjects] == [mine.id]
    assert (mine.sequence, mine.schedule_version, mine.start_at) == (before[0] + 1, before[1] + 1, before[2])
    assert mine.response is Response.NEEDS_ACTION


@both
def test_another_chair_of_the_same_site_is_no_change_to_patients(session, harbor, north, alice):
    mine = visit(book(session, harbor), "infusion-1")
    other = next(
        place
        for place in harbor.places.values()
        if place is not mine.location
        and place.kind is mine.location.kind
        and place.site is mine.location.site
    )
    version = mine.schedule_version
    moves.apply_moves(
        session, alice, moves.plan_move(session, alice, mine, mine.start_at, NOW, location=other), NOW
    )

    assert (mine.location, mine.schedule_version) == (other, version)


@both
def test_calendars_show_a_new_address_at_once(session, harbor, north, mona):
    there = add_visit(session, harbor, "North 1", AT)
    here = add_visit(session, harbor, "Chair 1", AT + DAY, add_patient(session, harbor, "Olga", "Oak"))
    versions = [feed_version(session, harbor.clinic.id, one.patient.resource_id) for one in (there, here)]
    sites.update(session, mona, north, {"address": "10 North Road"}, NOW + DAY)
    session.expire_all()

    assert [one.changed_at for one in (there, here)] == [NOW + DAY, NOW]
    now = [feed_version(session, harbor.clinic.id, one.patient.resource_id) for one in (there, here)]
    assert now == [versions[0] + 1, versions[1]]
    assert session.query(AuditEvent).filter_by(event="site.changed").one().fields == ["address"]


@both
def test_a_chair_with_visits_ahead_keeps_its_site(session, harbor, north, mona):
    add_visit(session, harbor, "Chair 1", AT)
    with pytest.raises(WrongStatus, match="upcoming visits"):
        places.update_location(session, mona, harbor.places["Chair 1"], {"site": north}, NOW)

    assert places.update_location(session, mona, harbor.places["Chair 2"], {"site": north}, NOW).site is north


@both
def test_a_site_in_use_stays_active(session, harbor, north, mona):
    main = sites.first(session, harbor.clinic)
    with pytest.raises(WrongStatus, match="North 1, North 2, North room"):
        sites.update(session, mona, north, {"active": False}, NOW)
    for name in ("North 1", "North 2", "North room"):
        places.update_location(session, mona, harbor.places[name], {"active": False}, NOW)
    sites.update(session, mona, north, {"active": False}, NOW)

    assert sites.active(session, harbor.clinic.id) == [main]
    with pytest.raises(Invalid, match="not in use"):
        places.update_location(session, mona, harbor.places["North 1"], {"active": True}, NOW)
    with pytest.raises(Invalid, match="not in use"):
        sites.asked(session, harbor.clinic, north.public_id, "site", harbor.patients["Nora"])


@pytest.mark.parametrize(
    "fields", [{}, {"name": ""}, {"name": "Main"}, {"name": "x", "zone": "y"}, {"name": "a\0"}]
)
def test_a_site_that_cannot_be_is_refused(session, harbor, mona, fields):
    with pytest.raises(Invalid):
        sites.create(session, mona, fields, NOW)


def test_a_proposal_says_when_the_site_leaves_no_time(session, harbor, north, mona, alice):
    schedules.set_hours(
        session, mona, north.resource, [Hours(7, time(8), time(18))], NOW
    )  # the clinic is closed
    with pytest.raises(NoFitFound):
        proposals.propose(session, alice, wishes(session, harbor, site=north), NOW)

    assert proposals.propose(
        session, alice, wishes(session, harbor, site=sites.first(session, harbor.clinic)), NOW
    )
