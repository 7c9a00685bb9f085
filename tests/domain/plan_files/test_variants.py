"""A variant of a protocol: other counts, lengths and spacing, everything else as it was."""

import pytest

from scheduler.domain.plan_files import checked_plan
from scheduler.domain.plan_files.variants import counts, gaps, lengths, variant
from scheduler.services.clinic import plans

SHIPPED = {plan.key: plan for plan in plans.shipped()}
SIX = SHIPPED["iv-depression-6"]


def made(plan, counted=(), minutes=(), spaced=()):
    document = variant(
        plan, key="mine", title="Mine", counted=dict(counted), minutes=dict(minutes), spaced=dict(spaced)
    )
    return checked_plan(document)


def test_what_can_be_changed_is_listed_once():
    assert counts(SIX) == {"infusion": 6, "booster": 3}
    assert lengths(SIX)["infusion", "observation"] == 60
    assert [(one.key, one.last.key, one.offset.target) for one in gaps(SIX)][:5] == [
        ("assessment", "assessment", 3),
        ("consent", "consent", 2),
        ("infusion-1", "infusion-1", 3),
        ("therapy-1", "therapy-6", 24),
        ("call-1", "call-6", 1),
    ]
    [rest] = [one for one in gaps(SIX) if one.key == "infusion-2"]
    assert (rest.last.key, rest.offset.min, rest.offset.max) == ("infusion-6", 2, 4)


@pytest.mark.parametrize("plan", SHIPPED.values(), ids=SHIPPED)
def test_a_variant_without_changes_is_the_same_protocol(plan):
    same = made(
        plan,
        counts(plan),
        lengths(plan),
        {one.key: (one.offset.min, one.offset.target, one.offset.max) for one in gaps(plan)},
    )

    assert same.actions == plan.actions
    assert same.missed_doses == plan.missed_doses
    assert same.source.endswith("ours, without a source: nothing but the name.")


@pytest.mark.parametrize("plan", SHIPPED.values(), ids=SHIPPED)
@pytest.mark.parametrize("more", [-1, 1, 3])
def test_every_series_gets_longer_or_shorter(plan, more):
    for series, count in counts(plan).items():
        if count + more < 1:
            continue
        other = made(plan, {series: count + more})
        assert sum(one.series == series for one in other.actions) == count + more
        assert {one.series_length for one in other.actions if one.series == series} == {count + more}


def test_what_hangs_on_a_visit_comes_and_goes_with_it():
    eight, four = made(SIX, {"infusion": 8}), made(SIX, {"infusion": 4})

    for plan, number in ((eight, 8), (four, 4)):
        assert [sum(one.series == name for one in plan.actions) for name in ("therapy", "call")] == [
            number
        ] * 2
        assert plan.action(f"therapy-{number}").offset.after == f"infusion-{number}"
        assert plan.action(f"therapy-{number}").before is None
        assert plan.action(f"therapy-{number - 1}").before == f"infusion-{number}"
        assert plan.action("booster-1").offset.after == f"infusion-{number}"
    assert eight.action("infusion-8").offset.target == 3
    assert "infusion 6 to 8 visits" in eight.source


def test_lengths_and_gaps_are_changed_for_all_visits_they_stand_for():
    plan = made(SIX, minutes={("infusion", "observation"): 90}, spaced={"infusion-2": (3, 4, 5)})

    assert {one.phases[2].length.total_seconds() for one in plan.actions if one.kind == "infusion"} == {5400}
    offsets = [plan.action(f"infusion-{number}").offset for number in range(1, 7)]
    assert [(one.min, one.target, one.max) for one in offsets] == [(1, 3, 14)] + [(3, 4, 5)] * 5
    assert plan.source.endswith(
        "ours, without a source: infusion observation 60 to 90 minutes, infusion-2 2/3/4 to 3/4/5 days."
    )


def test_advice_on_doses_that_are_gone_is_gone():
    shorter = made(SHIPPED["esketamine-nasal"], {"session": 8})

    assert [one.last for one in shorter.missed_doses if one.last and one.last > 8] == []
