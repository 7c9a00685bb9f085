"""A variant of a protocol: other counts, lengths and spacing, everything else as it was."""

from copy import deepcopy

import pytest

from scheduler.domain.plan_files import checked_plan, to_document
from scheduler.domain.plan_files.variants import Edits, counts, edited, gaps, lengths, required, valid_days
from scheduler.services.clinic import plans

SHIPPED = {plan.key: plan for plan in plans.shipped()}
SIX = SHIPPED["iv-depression-6"]


def made(plan, counted=(), minutes=(), spaced=(), required=()):
    edits = Edits("Mine", "", dict(counted), dict(minutes), dict(spaced), dict(required))
    return checked_plan(edited(plan, edits, key="mine"))


def limits(offset):
    return (offset.min, offset.target, offset.max)


def test_what_can_be_changed_is_listed_once():
    assert counts(SIX) == {"infusion": 6, "booster": 3}
    assert lengths(SIX)["infusion", "observation"] == 60
    assert required(SIX)["call"] == ()
    assert [(one.key, one.last.key, one.offset.target) for one in gaps(SIX)][:5] == [
        ("assessment", "assessment", 3),
        ("consent", "consent", 2),
        ("infusion-1", "infusion-1", 3),
        ("therapy-1", "therapy-6", 24),
        ("call-1", "call-6", 1),
    ]
    [rest] = [one for one in gaps(SIX) if one.key == "infusion-2"]
    assert (rest.last.key, rest.offset.min, rest.offset.max) == ("infusion-6", 2, 4)


def test_an_exception_in_a_series_splits_its_gaps_into_runs():
    plan = made(SIX, spaced={"infusion-4": (3, 4, 5)})

    found = [(one.key, one.last.key, limits(one.offset)) for one in gaps(plan) if "infusion" in one.key]
    assert found == [
        ("infusion-1", "infusion-1", (1, 3, 14)),
        ("infusion-2", "infusion-3", (2, 3, 4)),
        ("infusion-4", "infusion-4", (3, 4, 5)),
        ("infusion-5", "infusion-6", (2, 3, 4)),
    ]


def test_what_differs_within_a_kind_is_not_offered_for_all_of_it():
    longer = deepcopy(to_document(SIX))
    first = next(one for one in longer["actions"] if one["key"] == "infusion-1")
    first["phases"][2]["minutes"] = 90
    first["requirements"] = first["requirements"][:1]
    plan = checked_plan(longer)

    assert ("infusion", "observation") not in lengths(plan)
    assert lengths(plan)["infusion", "infusion"] == 40
    assert "infusion" not in required(plan)


@pytest.mark.parametrize("plan", SHIPPED.values(), ids=SHIPPED)
def test_a_variant_without_changes_is_the_same_protocol(plan):
    same = made(
        plan,
        counts(plan),
        lengths(plan),
        {key: value for one in gaps(plan) for key, value in one.for_all(limits(one.offset)).items()},
        required(plan),
    )

    assert same.actions == plan.actions
    assert same.missed_doses == plan.missed_doses
    assert same.source == plan.source


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
    assert "ours, without a source: Infusion: number of visits 8 (before: 6)" in eight.source


def test_lengths_gaps_and_requirements_are_changed_for_all_visits_they_stand_for():
    [rest] = [one for one in gaps(SIX) if one.key == "infusion-2"]
    plan = made(
        SIX,
        {},
        {("infusion", "observation"): 90},
        rest.for_all((3, 4, 5)),
        {"therapy": ["driver", "consent"]},
    )

    assert {one.phases[2].length.total_seconds() for one in plan.actions if one.kind == "infusion"} == {5400}
    offsets = [plan.action(f"infusion-{number}").offset for number in range(1, 7)]
    assert [limits(one) for one in offsets] == [(1, 3, 14)] + [(3, 4, 5)] * 5
    assert {one.requirements for one in plan.actions if one.kind == "therapy"} == {("consent", "driver")}
    assert plan.source == (
        f"{SIX.source} Changed from {SIX.title}, version 1; ours, without a source: "
        "Infusion 1 to 6, Booster 1 to 3: observation part 90 min (before: 60 min); "
        "Therapy session 1 to 6: requires consent, driver (before: none); "
        "Infusion 2 to 6: spacing 3 to 5 days, ideally 4 (before: 2 to 4 days, ideally 3)."
    )


def test_a_source_of_the_clinic_is_kept_as_written():
    ours = Edits("", "Our own practice.", spaced={"infusion-2": (3, 4, 5)})

    assert edited(SIX, ours)["source"] == "Our own practice."


def test_advice_on_doses_that_are_gone_is_gone():
    shorter = made(SHIPPED["esketamine-nasal"], {"session": 8})

    assert [one.last for one in shorter.missed_doses if one.last and one.last > 8] == []


def test_days_of_requirements_are_changed_by_their_kind():
    nasal = SHIPPED["esketamine-nasal"]
    known = valid_days(nasal)
    plan = checked_plan(edited(nasal, Edits(valid={key: days + 7 for key, days in known.items()})))

    assert valid_days(plan) == {key: days + 7 for key, days in known.items()}
    assert {one.after_visit for one in nasal.requirements if one.valid_days} == {False, True}
    assert "Requirement pregnancy-test: valid days 14 (before: 7)" in plan.source
