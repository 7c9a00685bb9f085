"""What becomes of the demo's courses, as a table."""

from collections import Counter
from itertools import pairwise

from scheduler.demo.stories import SHARES, Turn, stories
from scheduler.services.clinic import plans

WHOLE = sum(share.count for share in SHARES)


def test_a_whole_round_is_the_table() -> None:
    told = Counter((story.plan, story.turn) for story in stories(WHOLE, seed=1))
    table = Counter[tuple[str, Turn]]()
    for share in SHARES:
        table[share.plan, share.turn] += share.count

    assert told == table


def test_every_turn_comes_with_plans_that_are_shipped() -> None:
    told = stories(WHOLE, seed=1)

    assert {story.turn for story in told} == set(Turn)
    assert {story.plan for story in told} <= {plan.key for plan in plans.shipped()}


def test_the_same_seed_tells_the_same_stories() -> None:
    assert stories(100, seed=1) == stories(100, seed=1)
    assert stories(100, seed=1)[:40] == stories(40, seed=1)
    assert stories(100, seed=1) != stories(100, seed=2)


def test_a_share_is_spread_evenly() -> None:
    share = SHARES[0]
    begins = sorted(
        story.begins
        for story in stories(WHOLE, seed=1)
        if (story.plan, story.turn) == (share.plan, share.turn) and story.begins >= share.first
    )

    assert (begins[0], begins[-1]) == (share.first, share.last)
    assert max(late - early for early, late in pairwise(begins)) <= 3


def test_dice_depend_on_the_story_and_the_subject_alone() -> None:
    one, other = stories(2, seed=1)

    assert one.random("visit").random() == one.random("visit").random()
    assert (
        len(
            {one.random("visit").random(), one.random("requirement").random(), other.random("visit").random()}
        )
        == 3
    )
