"""Series written out: keys, numbers, gaps and companions."""

from typing import Any

from scheduler.domain.plan_files import checked_plan
from scheduler.domain.plans import Action, Edge, Offset, Unit

SESSION = [{"name": "session", "minutes": 50, "needs": ["room", "therapist"]}]
VISITS = [
    {"key": "talk", "title": "Talk", "phases": SESSION, "preparation": "office"},
    {"key": "call", "kind": "phone", "title": "Call", "phases": SESSION, "visible": False},
]
OFFICE = [{"key": key, "texts": [{"language": "en", "lines": ["Come."]}]} for key in ("office", "first")]
CALL = {"series": "call", "visit": "call", "gap": {"working_days": [1, 1, 1]}}


def actions(*entries: dict[str, Any]) -> tuple[Action, ...]:
    document = {"key": "p", "title": "P", "source": "ours", "visits": VISITS, "preparations": OFFICE}
    return checked_plan({**document, "actions": list(entries)}).actions


def test_members_follow_each_other_at_the_gap() -> None:
    found = actions({"series": "talk", "count": 3, "visit": "talk", "gap": {"days": [5, 7, 9], "hard": True}})

    assert [(a.key, a.series, a.position, a.series_length, a.offset) for a in found] == [
        ("talk-1", "talk", 1, 3, None),
        ("talk-2", "talk", 2, 3, Offset("talk-1", Unit.DAYS, 5, 7, 9, hard=True)),
        ("talk-3", "talk", 3, 3, Offset("talk-2", Unit.DAYS, 5, 7, 9, hard=True)),
    ]


def test_each_gap_may_differ() -> None:
    gaps = [{"days": [21, 28, 42]}, {"hours": [1, 2, 3], "from": "end"}]

    found = actions({"series": "talk", "count": 3, "visit": "talk", "gap": gaps})

    assert [a.offset for a in found] == [
        None,
        Offset("talk-1", Unit.DAYS, 21, 28, 42),
        Offset("talk-2", Unit.HOURS, 1, 2, 3, Edge.END),
    ]


def test_the_first_may_differ() -> None:
    first = {"preparation": "first", "title": "First talk"}

    found = actions(
        {"series": "talk", "count": 2, "visit": "talk", "gap": {"days": [1, 1, 1]}, "first": first}
    )

    assert [(a.title, a.preparation, a.kind) for a in found] == [
        ("First talk", "first", "talk"),
        ("Talk", "office", "talk"),
    ]


def test_entries_of_one_name_run_on() -> None:
    found = actions(
        {"series": "talk", "count": 2, "visit": "talk", "gap": {"days": [2, 3, 5]}},
        {"series": "talk", "count": 1, "visit": "talk", "gap": {"days": [6, 7, 8]}},
    )

    assert [(a.key, a.position, a.series_length) for a in found] == [
        ("talk-1", 1, 3),
        ("talk-2", 2, 3),
        ("talk-3", 3, 3),
    ]
    assert found[2].offset == Offset("talk-2", Unit.DAYS, 6, 7, 8)


def test_companions_hang_from_each_member_and_end_before_the_next() -> None:
    companion = {**CALL, "before_next": True}

    found = actions(
        {"series": "talk", "count": 2, "visit": "talk", "gap": {"days": [5, 7, 9]}, "with_each": [companion]}
    )

    assert [(a.key, a.kind, a.before, a.visible, a.series_length) for a in found] == [
        ("talk-1", "talk", None, True, 2),
        ("call-1", "phone", "talk-2", False, 2),
        ("talk-2", "talk", None, True, 2),
        ("call-2", "phone", None, False, 2),
    ]
    assert found[1].offset == Offset("talk-1", Unit.WORKING_DAYS, 1, 1, 1)


def test_companions_may_hang_from_some_members_over_several_entries() -> None:
    one = {**CALL, "at": [2], "before_next": True}
    two = {**CALL, "at": [3, 4], "before_next": True}

    found = actions(
        {"series": "talk", "count": 2, "visit": "talk", "gap": {"days": [5, 7, 9]}, "with_each": [one]},
        {"series": "talk", "count": 2, "visit": "talk", "gap": {"days": [5, 7, 9]}, "with_each": [two]},
    )

    calls = [a for a in found if a.series == "call"]
    assert [(a.key, a.offset and a.offset.after, a.before, a.series_length) for a in calls] == [
        ("call-1", "talk-2", "talk-3", 3),
        ("call-2", "talk-3", "talk-4", 3),
        ("call-3", "talk-4", None, 3),
    ]


def test_companions_of_a_proposed_series_are_proposed() -> None:
    entry = {"series": "talk", "count": 2, "visit": "talk", "gap": {"days": [5, 7, 9]}, "with_each": [CALL]}

    assert [a.proposed for a in actions({**entry, "proposed": True})] == [True] * 4


def test_an_action_takes_from_its_visit_what_it_does_not_say() -> None:
    found = actions({"key": "hello", "visit": "talk", "title": "Hello"})

    assert [(a.key, a.kind, a.title, a.preparation, a.series) for a in found] == [
        ("hello", "talk", "Hello", "office", None)
    ]


def test_preparations_take_over_the_lines_they_extend() -> None:
    texts = [{"language": "en", "lines": ["Own."]}, {"language": "es", "lines": ["Propio."]}]
    base = {"key": "base", "texts": [{"language": "en", "lines": ["Base."]}]}
    document = {
        "key": "p",
        "title": "P",
        "source": "ours",
        "visits": VISITS,
        "preparations": [*OFFICE, {"key": "long", "extends": "base", "texts": texts}, base],
        "actions": [{"key": "hello", "visit": "talk"}],
    }

    long = next(each for each in checked_plan(document).preparations if each.key == "long")

    assert [[line.text for line in long.lines(language)] for language in ("en", "es", "fr")] == [
        ["Own.", "Base."],
        ["Propio."],
        ["Own.", "Base."],
    ]
