"""Who could use an opened time, compared with a re-flow of everyone at every start.

    FIRST=0 N=10000 SHARE=0.25 python -m tests.domain.planner.openings.test_gate

goes through so many openings of each family from the given seed on, and says how far it is, so that a run can be
continued. Of the starts that the test refuses only a share is planned.
"""

import os
from collections import Counter
from dataclasses import replace
from random import Random

import pytest

from scheduler.domain.planner import check, fitting_starts
from tests.domain.planner.openings.instances import Instance, clinic, random_tree

FAMILIES = {"clinic": clinic, "tree": random_tree}


def compare(instance: Instance, share: float = 1) -> Counter:
    """Count starts; assert that none is refused that fits, and that what is planned keeps the rules.

    Of the starts that are refused only a `share` is planned.
    """
    rng = Random(0)
    counts = Counter(openings=1)
    left = {one.waiting.key: one for one in instance.chances}
    for one in instance.waiting:
        chance = left.get(one.key)
        counts["records"] += 1
        counts["chances"] += chance is not None
        own, free, fits = instance.course(one), instance.calendar(one), 0
        asked = [*instance.starts(one)]
        narrowed = set(
            fitting_starts(own.request, own.current, one.action.key, asked, free, now=instance.now)
        )
        for start in asked:
            passed = chance is not None and start in chance.starts
            tried = passed or start in narrowed or rng.random() < share
            found = instance.fit(one, start, free) if tried else None
            counts["starts"] += 1
            counts["planned"] += tried
            counts["passed"] += passed
            counts["narrowed"] += start in narrowed
            counts["fit"] += found is not None
            fits += found is not None
            if found is None:
                continue
            assert passed, f"{one.action.key} of {own.key} fits at {start} and was refused"
            assert start in narrowed, (
                f"{one.action.key} of {own.key} fits at {start} and is not among the starts"
            )
            by_hand = replace(own.request, pinned={one.action.key: start})
            assert not check(by_hand, free, found.visits, now=instance.now)
            others = [visit for visit in found.visits if visit.action != one.action.key]
            moved = sum(
                visit.action in own.current and visit.start != own.current[visit.action].start
                for visit in others
            )
            assert moved >= chance.moves
        assert chance is None or set(chance.starts) <= set(asked)
        if not one.own and not one.companions and not own.request.done:  # then the test is exact
            assert fits == (len(chance.starts) if chance else 0)
        counts["candidates"] += fits > 0
    return counts


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("first", range(0, 150, 30))
def test_nobody_who_fits_is_refused_and_few_who_do_not_are_left(family, first):
    counts = sum((compare(FAMILIES[family](seed), 0.25) for seed in range(first, first + 30)), Counter())

    assert counts["fit"] > 10
    assert counts["starts"] - counts["passed"] > 0.9 * (counts["starts"] - counts["fit"])
    assert counts["narrowed"] <= counts["passed"]


def main() -> None:
    first, number = int(os.environ.get("FIRST", "0")), int(os.environ.get("N", "300"))
    share = float(os.environ.get("SHARE", "1"))
    for family, instance_of in FAMILIES.items():
        total = Counter()
        for seed in range(first, first + number):
            total += compare(instance_of(seed), share)
            if (seed - first) % 100 == 99:
                print(family, "to", seed, dict(total), flush=True)
        print(family, "from", first, "to", first + number - 1, dict(total), flush=True)


if __name__ == "__main__":
    main()
