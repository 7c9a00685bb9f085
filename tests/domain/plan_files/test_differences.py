"""What differs between two protocols, in words: nothing is left out, and nothing is said that did not change."""

from copy import deepcopy

import pytest

from scheduler.domain.plan_files import from_document, to_document
from scheduler.domain.plan_files.differences import PlanDifference, differences, visit_names
from scheduler.domain.plan_files.variants import Edits, counts, edited
from scheduler.services.clinic import plans

SHIPPED = {plan.key: plan for plan in plans.shipped()}
SIX = SHIPPED["iv-depression-6"]


def changed(plan, change):
    document = deepcopy(to_document(plan))
    change(document)
    return differences(plan, from_document(document))


def action(document, key):
    return next(one for one in document["actions"] if one["key"] == key)


@pytest.mark.parametrize("plan", SHIPPED.values(), ids=SHIPPED)
def test_a_protocol_does_not_differ_from_itself(plan):
    assert differences(plan, from_document(to_document(plan), version=7)) == []


def test_visits_that_change_alike_are_named_together():
    def change(document):
        for number in (2, 3, 5):
            action(document, f"infusion-{number}")["after"]["days"] = [3, 4, 5]
        action(document, "therapy-1")["after"] |= {"hours": [24, 48, 72], "hard": True}

    assert changed(SIX, change) == [
        PlanDifference(
            "Therapy session 1",
            "spacing",
            "24 to 72 hours after its end, ideally 24",
            "24 to 72 hours after its end, ideally 48, never overridden",
        ),
        PlanDifference("Infusion 2 to 3, 5", "spacing", "2 to 4 days, ideally 3", "3 to 5 days, ideally 4"),
    ]


def test_another_number_of_visits_is_one_difference_and_what_hangs_on_them():
    eight = from_document(edited(SIX, Edits(source="Ours.", counted={"infusion": 8})))

    assert [(one.where, one.what, one.before, one.after) for one in differences(SIX, eight)][1:] == [
        ("Infusion", "number of visits", "6", "8"),
        ("Therapy session", "number of visits", "6", "8"),
        ("Check-in call", "number of visits", "6", "8"),
        ("Therapy session 6, Check-in call 6", "ends before", "none", "the next Infusion"),
        ("Booster 1", "comes after", "Infusion 6", "Infusion 8"),
    ]


def test_requirements_texts_and_advice_are_compared():
    def change(document):
        document["requirements"][3]["valid_days"] = 14
        document["preparations"][-1]["texts"][0]["lines"].append("Bring your card.")

    assert changed(SIX, change) == [
        PlanDifference("Requirement pregnancy-test", "valid days", "7", "14"),
        PlanDifference("Preparation office (en)", "lines", "none", "Bring your card."),
    ]

    def drop_advice(document):
        del document["missed_doses"][0]

    [one] = changed(SHIPPED["esketamine-nasal"], drop_advice)
    assert (one.what, one.after) == ("advice", "none")
    assert "series: session" in one.before


def leaves(value, path=()):
    """Return every single value of a document with its path."""
    if isinstance(value, dict | list):
        for name, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(one, (*path, name))
    else:
        yield path, value


OTHERS = {"chair": "room", "end": "start"}  # words of which a document knows only some
NAMES = (
    "kind",
    "action",
    "holds",
    "series",
    "of",
    "key",
    "language",
    "when",
)  # which refer to something else


@pytest.mark.parametrize("plan", [SHIPPED["therapy-6"], SIX], ids=lambda plan: plan.key)
def test_no_value_of_a_protocol_changes_unseen(plan):
    document, seen = to_document(plan), 0
    for path, value in list(leaves(document))[::5]:  # every fifth, as reading one takes long
        *way, last = path
        if last in NAMES:
            continue
        other = deepcopy(document)
        place = other
        for name in way:
            place = place[name]
        if isinstance(value, bool):
            place[last] = not value
        elif isinstance(value, int):
            place[last] = value + 1
        elif last == "before":
            place[last] = plan.actions[0].key
        elif "needs" in path:
            place[last] = OTHERS.get(value, "chair")
        else:
            place[last] = OTHERS.get(value, f"{value}x")
        assert differences(plan, from_document(other)), path
        seen += 1
    assert seen > 8


@pytest.mark.parametrize("plan", SHIPPED.values(), ids=SHIPPED)
@pytest.mark.parametrize("more", [-1, 2])
def test_a_longer_or_shorter_series_leaves_the_order_alone(plan, more):
    for series, count in counts(plan).items():
        if count + more >= 1:
            other = from_document(edited(plan, Edits(source="Ours.", counted={series: count + more})))
            assert "order" not in {one.what for one in differences(plan, other)}


def test_visits_are_named_by_title_and_number():
    assert (
        visit_names(to_document(SIX)["actions"][:4])
        == "Consultation, Medical assessment, Consent and plan, Infusion 1"
    )
