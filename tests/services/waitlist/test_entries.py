"""Who waits, and when an entry makes no sense any more."""

from datetime import date, time, timedelta

import pytest

from scheduler.errors import Invalid, WrongStatus
from scheduler.models.plan_definition import current
from scheduler.models.waitlist import Priority, WaitlistOutcome
from scheduler.services.course import booking
from scheduler.services.patient import erasure, merging, patients
from scheduler.services.visit import visits
from scheduler.services.waitlist import entries, who_fits
from scheduler.services.waitlist.entries import WaitWishes
from tests.cast import NOW, add_patient
from tests.engines import both
from tests.services.courses import book, visit

DAY = timedelta(days=1)


@pytest.fixture
def infusion(nora_course):
    return visit(nora_course, "infusion-6")


def wait(session, harbor, row, **wishes):
    return entries.wait_for_earlier(session, harbor.actor("alice"), row, WaitWishes(**wishes), NOW)


@both
def test_asking_again_changes_what_was_asked(session, harbor, infusion):
    first = wait(session, harbor, infusion)
    again = wait(
        session, harbor, infusion, priority=Priority.URGENT, weekdays=(3, 1), reason="travels in January"
    )

    assert again is first and first.weekdays == [1, 3]
    assert entries.waiting(session, harbor.clinic, NOW) == [first]


@pytest.mark.parametrize(
    ("wishes", "field"),
    [
        ({"until_on": date(2026, 11, 22)}, "until_on"),
        ({"until_on": date(2027, 1, 20)}, "until_on"),
        ({"weekdays": (0,)}, "weekdays"),
        ({"earliest": time(14), "latest": time(9)}, "latest"),
        ({"notice_hours": 400}, "notice_hours"),
        ({"reason": "two\nlines"}, "reason"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_field(session, harbor, infusion, wishes, field):
    with pytest.raises(Invalid) as refused:
        wait(session, harbor, infusion, **wishes)

    assert [one["field"] for one in refused.value.details["errors"]] == [field]


def test_a_visit_that_cannot_move_is_not_waited_for(session, harbor, infusion):
    visits.cancel(session, harbor.actor("alice"), [infusion], NOW)

    with pytest.raises(WrongStatus):
        wait(session, harbor, infusion)


def test_the_most_urgent_comes_first_then_who_has_waited_longest(session, harbor, nora_course):
    rows = [visit(nora_course, f"infusion-{number}") for number in (2, 3, 4)]
    alice = harbor.actor("alice")
    for minute, (row, priority) in enumerate(
        zip(rows, (Priority.NORMAL, Priority.NORMAL, Priority.URGENT), strict=True)
    ):
        at = NOW + timedelta(minutes=minute)
        entries.wait_for_earlier(session, alice, row, WaitWishes(priority=priority), at)

    found = [one.appointment for one in entries.waiting(session, harbor.clinic, NOW)]
    assert found == [rows[2], rows[0], rows[1]]


@both
@pytest.mark.parametrize("how", ["begun", "canceled", "day", "left", "died"])
def test_an_entry_ends_by_itself(session, harbor, infusion, how):
    entry = wait(session, harbor, infusion, until_on=infusion.local_start.date() - 2 * DAY)
    alice, now, expected = harbor.actor("alice"), NOW, WaitlistOutcome.OVER
    if how == "begun":
        now = infusion.start_at
    elif how == "canceled":
        visits.cancel(session, alice, [infusion], NOW)
    elif how == "day":
        now = infusion.start_at - DAY
    else:
        fields = {"active": False} if how == "left" else {"deceased_on": date(2026, 11, 22)}
        patients.update(session, alice, harbor.patients["Nora"], fields, NOW)
        expected = WaitlistOutcome.GONE

    assert entries.waiting(session, harbor.clinic, now) == []
    assert entries.end_due(session, harbor.clinic, now) == 1
    assert entry.outcome is expected


@pytest.mark.parametrize("action", ["consult", ""])
def test_a_first_booking_ends_the_wait_for_it(session, harbor, action):
    alice, olga = harbor.actor("alice"), add_patient(session, harbor, "Olga", "Ortiz")
    definition = current(session, harbor.clinic.id, "iv-depression-6")
    entry = entries.wait_for_booking(session, alice, olga, definition, action, WaitWishes(), NOW)
    assert entries.waiting(session, harbor.clinic, NOW) == [entry]

    harbor.patients["Olga"] = olga
    if action:
        at = NOW + timedelta(days=7)
        booking.book_visit(session, alice, olga, definition.plan.action(action), at, NOW)
    else:
        book(session, harbor, patient="Olga")

    assert entries.end_due(session, harbor.clinic, NOW) == 1
    assert entry.outcome is WaitlistOutcome.BOOKED


@pytest.mark.parametrize("action", ["consult", ""])
def test_a_first_booking_is_a_candidate_too(session, harbor, action):
    alice, olga = harbor.actor("alice"), add_patient(session, harbor, "Olga", "Ortiz")
    definition = current(session, harbor.clinic.id, "iv-depression-6")
    entry = entries.wait_for_booking(session, alice, olga, definition, action, WaitWishes(), NOW)

    found = who_fits.fits_at(session, alice, entry, NOW + timedelta(days=7), NOW)

    assert found is not None and found.visits[0].start == NOW + timedelta(days=7)
    assert len(found.visits) == (1 if action else len(definition.plan.firm))


def test_an_erased_patient_waits_no_more_and_leaves_no_words(session, harbor):
    definition, ada = current(session, harbor.clinic.id, "iv-depression-6"), harbor.actor("ada")
    wishes = WaitWishes(reason="flies to Lima", weekdays=(1,))
    entry = entries.wait_for_booking(session, ada, harbor.patients["Nora"], definition, "", wishes, NOW)
    erasure.erase(session, ada, harbor.patients["Nora"], "asked for it", NOW)
    session.expire_all()

    assert (entry.reason, entry.weekdays, entry.outcome) == ("", [], WaitlistOutcome.GONE)
    assert entries.waiting(session, harbor.clinic, NOW) == []


def test_after_a_merge_the_kept_record_waits(session, harbor, infusion):
    entry = wait(session, harbor, infusion)
    other = harbor.patients["Nora"]
    keep = add_patient(session, harbor, "Nora", "Novak")
    alice = harbor.actor("alice")
    merging.merge(session, alice, keep, other, {"family_name": "keep"}, NOW)

    assert entry.patient_id == keep.id
