from dataclasses import replace
from datetime import timedelta
from itertools import combinations
from random import Random

import pytest

from scheduler.domain.planner import Availability, check, propose, reflow, slot_map
from scheduler.domain.planner.values import Done, NoFit, Request
from scheduler.domain.windows import Window
from tests.domain.planner.clinics import MONDAY, NOW, calendar, course, random_calendar, staff

HOUR = timedelta(hours=1)
ROOMY = staff(chairs=3, rooms=2, nurses=2, prescribers=2, therapists=2)
REQUEST = Request(course(4), MONDAY)
EMPTY = Availability(calendar(42, ROOMY))


@pytest.fixture(scope="module")
def current():
    return {visit.action: visit for visit in propose(REQUEST, EMPTY, now=NOW)[0].visits}


def test_nothing_moves_when_a_visit_is_moved_to_where_it_is(current):
    same = reflow(REQUEST, current, {"infusion-2": current["infusion-2"].start}, EMPTY, now=NOW)

    assert same.moves == ()
    assert {visit.action: visit for visit in same.proposal.visits} == current


def test_an_hour_later_takes_only_its_own_therapy_along(current):
    start = current["infusion-2"].start + HOUR

    moved = reflow(REQUEST, current, {"infusion-2": start}, EMPTY, now=NOW)

    assert [(move.action, move.why) for move in moved.moves] == [
        ("infusion-2", "moved"),
        ("therapy-2", "follows"),
    ]
    assert moved.moves[0].after == start


def test_a_day_later_pulls_only_what_must_follow(current):
    start = current["infusion-2"].start + timedelta(days=1)

    moved = reflow(REQUEST, current, {"infusion-2": start}, EMPTY, now=NOW)

    assert check(REQUEST, EMPTY, moved.proposal.visits, now=NOW) == []
    changed = {move.action for move in moved.moves}
    assert "infusion-2" in changed and "infusion-1" not in changed
    fewest(moved, current, {"infusion-2": start})


def fewest(moved, current, wanted):
    """No visit that moved could have stayed, all others as they are."""
    starts = {visit.action: visit.start for visit in moved.proposal.visits}
    for move in moved.moves:
        if move.action not in wanted:
            pinned = {key: start for key, start in starts.items() if key != move.action}
            back = replace(REQUEST, pinned={**pinned, move.action: current[move.action].start})
            with pytest.raises(NoFit):
                propose(back, EMPTY, now=NOW)


def test_confirmed_visits_move_last(current):
    start = current["infusion-2"].start + timedelta(days=1)
    free = reflow(REQUEST, current, {"infusion-2": start}, EMPTY, now=NOW)
    follower = next(m.action for m in free.moves if m.why == "follows" and m.action.startswith("therapy"))

    kept = reflow(
        REQUEST, current, {"infusion-2": start}, EMPTY, now=NOW, keep=frozenset(current) - {follower}
    )

    assert [m.action for m in kept.moves if m.why == "follows"] == [
        m.action for m in free.moves if m.why == "follows"
    ]


def test_a_gap_to_an_earlier_visit_is_bent_only_when_told_to(current):
    start = current["infusion-2"].start + timedelta(days=7)

    with pytest.raises(NoFit):
        reflow(REQUEST, current, {"infusion-2": start}, EMPTY, now=NOW)

    bent = reflow(REQUEST, current, {"infusion-2": start}, EMPTY, now=NOW, bend=True)
    assert {violation.rule for violation in check(REQUEST, EMPTY, bent.proposal.visits, now=NOW)} == {"gap"}


def test_what_has_begun_is_never_touched(current):
    now = current["infusion-2"].start + HOUR
    start = current["infusion-3"].start + HOUR

    moved = reflow(REQUEST, current, {"infusion-3": start}, EMPTY, now=now)

    assert {visit.action for visit in moved.proposal.visits}.isdisjoint(
        {"infusion-1", "therapy-1", "infusion-2"}
    )


def test_a_cancelled_visit_is_made_up_for_and_the_rest_follows(current):
    left = {key: visit for key, visit in current.items() if key != "infusion-3"}
    over = current["infusion-2"]
    done = {
        key: Done(key, current[key].start, current[key].attended_end) for key in ("infusion-1", "therapy-1")
    }
    request = replace(REQUEST, done=done | {"infusion-2": Done("infusion-2", over.start, over.attended_end)})

    again = reflow(request, left, {}, EMPTY, now=over.attended_end + HOUR)

    assert ("infusion-3", "placed") in {(move.action, move.why) for move in again.moves}


@pytest.mark.parametrize("seed", range(6))
def test_what_no_longer_fits_is_put_right_on_a_busy_calendar(seed):
    calm = random_calendar(Random(seed), 42, 0.2, ROOMY)
    visits = {v.action: v for v in propose(REQUEST, Availability(calm), now=NOW)[0].visits}
    closed = visits["infusion-3"]
    closure = {None: [window_of(closed)]}
    availability = Availability(replace(calm, closures=closure))

    moved = reflow(REQUEST, visits, {}, availability, now=NOW)

    assert "infusion-3" in {move.action for move in moved.moves}
    assert check(REQUEST, availability, moved.proposal.visits, now=NOW) == []


def window_of(visit):
    return Window(visit.start, visit.end)


def fewest_of_all(current, moved, availability, keep):
    """Return how many confirmed and other visits must move at the least, by trying every choice of them."""
    held = {"infusion-1": current["infusion-1"].start, **moved}
    free = [key for key in current if key not in held]
    choices = (some for number in range(len(free) + 1) for some in combinations(free, number))
    for some in sorted(choices, key=lambda some: (sum(one in keep for one in some), len(some))):
        pinned = {**held, **{key: current[key].start for key in free if key not in some}}
        if all(slot_map(replace(REQUEST, pinned=pinned), availability, now=NOW).values()):
            return sum(one in keep for one in some), sum(one not in keep for one in some)
    return None


@pytest.mark.parametrize("first", range(0, 24, 8))
def test_no_choice_of_fewer_visits_restores_the_plan(first):
    moves = []
    for seed in range(first, first + 8):
        rng = Random(seed)
        availability = Availability(random_calendar(rng, 35, 0.25, ROOMY))
        current = {visit.action: visit for visit in propose(REQUEST, availability, now=NOW)[0].visits}
        starts = slot_map(
            replace(REQUEST, pinned={"infusion-1": current["infusion-1"].start}), availability, now=NOW
        )
        moved = {"infusion-2": rng.choice(starts["infusion-2"])}
        keep = frozenset(key for key in current if rng.random() < 0.4)
        follows = [
            move.action
            for move in reflow(REQUEST, current, moved, availability, now=NOW, keep=keep).moves
            if move.why == "follows"
        ]

        kept = sum(key in keep for key in follows)
        assert (kept, len(follows) - kept) == fewest_of_all(current, moved, availability, keep), seed
        moves.append(len(follows))
    assert max(moves) > 1


def test_visits_beyond_the_calendar_are_a_refusal_and_no_fault():
    request = Request(course(3, call=True), MONDAY)
    visits = {visit.action: visit for visit in propose(request, EMPTY, now=NOW)[0].visits}
    first = visits["infusion-1"].start
    short = Availability(calendar((first.date() - MONDAY).days + 1, ROOMY))  # ends with the day of infusion 1

    with pytest.raises(NoFit):
        reflow(request, visits, {"infusion-1": first + HOUR}, short, now=NOW)
