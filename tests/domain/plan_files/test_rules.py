"""The rules of a plan file, each broken once: the path and the reason are told, and no plan comes out."""

from copy import deepcopy
from typing import Any

import pytest

from scheduler.domain.plan_files import Fault, PlanRefused, checked_plan

SESSION = [{"name": "session", "minutes": 50, "needs": ["room", "therapist"]}]


def plain(key: str, after: str | dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    action: dict[str, Any] = {"key": key, "kind": "therapy", "title": "Therapy", "phases": SESSION}
    if after:
        action["after"] = {"action": after, "days": [1, 2, 3]} if isinstance(after, str) else after
    return action | fields


def document(*actions: dict[str, Any], **parts: Any) -> dict[str, Any]:
    return {"key": "talk", "title": "Talk", "source": "ours", "actions": list(actions), **parts}


def run(**fields: Any) -> dict[str, Any]:
    return {"series": "talk", "count": 3, "visit": "session", "gap": {"days": [5, 7, 9]}, **fields}


VISITS = [{"key": "session", "title": "Session", "phases": SESSION}]
REQUIREMENT = {"key": "driver", "title": "Driver", "holds": "per_session"}


def faults(broken: dict[str, Any]) -> list[tuple[str, str]]:
    before = deepcopy(broken)
    with pytest.raises(PlanRefused) as refused:
        checked_plan(broken)
    assert broken == before
    return [(fault.where, fault.reason) for fault in refused.value.faults]


def test_a_plan_that_keeps_the_rules_is_read() -> None:
    plan = checked_plan(document(plain("one"), plain("two", "one"), plain("three", "two")))

    assert [(action.key, action.offset and action.offset.after) for action in plan.actions] == [
        ("one", None),
        ("two", "one"),
        ("three", "two"),
    ]


def test_actions_come_in_the_order_of_their_gaps() -> None:
    plan = checked_plan(
        document(plain("three", "two"), plain("one"), plain("four", "one"), plain("two", "one"))
    )

    assert [action.key for action in plan.actions] == ["one", "four", "two", "three"]


def test_a_circle_of_gaps_is_named_from_its_first_member() -> None:
    broken = document(
        plain("start"),
        plain("tail", "c"),
        plain("a", "b"),
        plain("b", "c"),
        plain("c", "a"),
        plain("self", "self"),
    )

    assert faults(broken) == [
        ("actions[2]", "the gaps form a cycle: a -> b -> c -> a"),
        ("actions[5]", "the gaps form a cycle: self -> self"),
    ]


def test_a_key_is_given_once() -> None:
    broken = document(
        plain("talk-2"), run(first={"after": {"action": "talk-2", "days": [1, 1, 1]}}), visits=VISITS
    )

    assert faults(broken) == [("actions[1]", "the key talk-2 is given twice")]


def test_parts_are_named_once() -> None:
    text = {"key": "office", "texts": [{"language": "en", "lines": ["Come."]}]}
    broken = document(
        plain("one", requirements=["driver"]),
        requirements=[REQUIREMENT, REQUIREMENT],
        visits=VISITS * 2,
        preparations=[text, text],
    )

    assert faults(broken) == [
        ("requirements[1].key", "the key driver is given twice"),
        ("visits[1].key", "the key session is given twice"),
        ("preparations[1].key", "the key office is given twice"),
    ]


def test_everything_that_is_named_is_there() -> None:
    broken = document(
        {"key": "one", "visit": "no-visit"},
        plain("two", "nobody", requirements=["no-requirement"], preparation="no-text"),
        preparations=[
            {"key": "office", "extends": "no-base", "texts": [{"language": "en", "lines": ["Come."]}]}
        ],
    )

    assert faults(broken) == [
        ("actions[0].visit", "no-visit is not among the visits"),
        ("actions[1].requirements[0]", "no-requirement is not among the requirements"),
        ("actions[1].preparation", "no-text is not among the preparations"),
        ("preparations[0].extends", "no-base is not among the preparations"),
    ]


def test_the_earlier_and_the_later_action_are_there() -> None:
    assert faults(document(plain("one"), plain("two", "nobody", before="nothing"))) == [
        ("actions[1].after.action", "nobody is not among the actions"),
        ("actions[1].before", "nothing is not among the actions"),
    ]


def test_the_first_of_a_series_follows_an_action_that_is_there() -> None:
    broken = document(run(first={"after": {"action": "nobody", "days": [1, 1, 1]}}), visits=VISITS)

    assert faults(broken) == [("actions[0].first.after.action", "nobody is not among the actions")]


def test_an_action_without_a_visit_says_everything_itself() -> None:
    assert faults(document({"key": "one", "title": "One"})) == [
        ("actions[0]", "must name a visit, or set kind, phases")
    ]


def test_only_one_action_starts_the_course() -> None:
    assert faults(document(plain("one"), plain("two"))) == [
        ("actions[1]", "two must come after an earlier visit, as one starts the course")
    ]


@pytest.mark.parametrize("limits", [[3, 2, 4], [1, 5, 4], [2, 1, 1]])
def test_limits_are_in_order(limits: list[int]) -> None:
    broken = document(plain("one"), plain("two", after={"action": "one", "days": limits}))

    assert faults(broken) == [
        ("actions[1].after.days", "must be [min, target, max] with min <= target <= max")
    ]


def test_limits_of_series_and_companions_are_in_order() -> None:
    companion = {"series": "call", "visit": "session", "gap": {"hours": [3, 2, 1]}}
    broken = document(
        run(gap=[{"days": [1, 1, 1]}, {"working_days": [2, 1, 1]}], with_each=[companion]), visits=VISITS
    )

    assert [path for path, _ in faults(broken)] == [
        "actions[0].gap[1].working_days",
        "actions[0].with_each[0].gap.hours",
    ]


def test_a_gap_leaves_time_for_the_earlier_visit() -> None:
    long = [{"name": "session", "minutes": 125, "needs": ["room"]}]
    broken = document(plain("one", phases=long), plain("two", after={"action": "one", "hours": [0, 1, 2]}))

    assert faults(broken) == [("actions[1]", "two would have to start before one has ended")]


def test_hours_from_the_end_always_leave_time_for_the_earlier_visit() -> None:
    after = {"action": "one", "from": "end", "hours": [0, 0, 0]}

    assert len(checked_plan(document(plain("one"), plain("two", after=after))).actions) == 2


def test_a_visit_cannot_come_before_one_that_it_follows() -> None:
    assert faults(document(plain("one"), plain("two", "one", before="one"))) == [
        ("actions[1]", "two cannot come before one, which is earlier in the course")
    ]


def test_before_must_be_possible() -> None:
    late = {"action": "one", "days": [5, 5, 6]}
    broken = document(plain("one"), plain("two", "one"), plain("leaf", after=late, before="two"))

    assert faults(broken) == [
        ("actions[2]", "leaf can never end before two starts; their gaps leave no room")
    ]


def test_before_is_possible_when_working_days_have_no_upper_end() -> None:
    late = {"action": "one", "days": [5, 5, 6]}
    two = plain("two", after={"action": "one", "working_days": [1, 1, 3]})

    assert (
        len(checked_plan(document(plain("one"), two, plain("leaf", after=late, before="two"))).actions) == 3
    )


def test_a_booked_visit_does_not_hang_from_a_proposed_one() -> None:
    broken = document(
        plain("one"),
        plain("two", "one", proposed=True),
        plain("three", "two"),
        plain("four", "one", before="two"),
    )

    assert faults(broken) == [
        ("actions[2]", "three is booked but comes after two, which is only proposed"),
        ("actions[3]", "four is booked but comes before two, which is only proposed"),
    ]


def test_a_series_has_its_gaps() -> None:
    missing = {name: value for name, value in run().items() if name != "gap"}

    assert faults(document(missing, visits=VISITS)) == [
        ("actions[0]", "must have a gap between the visits of the series talk")
    ]
    assert faults(document(run(gap=[{"days": [1, 1, 1]}]), visits=VISITS)) == [
        ("actions[0].gap", "has 1 gaps; the series needs 2, one before each next visit")
    ]


def test_an_entry_that_goes_on_with_a_series_needs_a_gap_for_its_first_visit() -> None:
    more = run(gap=[{"days": [1, 1, 1]}] * 2)

    assert faults(document(run(), more, visits=VISITS)) == [
        ("actions[1].gap", "has 2 gaps; the series needs 3, one before each next visit")
    ]


def test_a_series_is_booked_or_proposed_as_a_whole() -> None:
    assert faults(document(run(), run(proposed=True), visits=VISITS)) == [
        ("actions[1]", "the series talk is booked in one entry and proposed in another; name them apart")
    ]


def test_a_companion_has_a_name_of_its_own_and_numbers_that_exist() -> None:
    gap = {"days": [1, 1, 1]}
    companions = [
        {"series": "talk", "visit": "session", "gap": gap},
        {"series": "call", "visit": "session", "gap": gap, "at": [1, 4]},
    ]

    assert faults(document(run(with_each=companions), visits=VISITS)) == [
        ("actions[0].with_each[0].series", "talk is the name of a series of its own; choose another"),
        ("actions[0].with_each[1].at[1]", "4 is not a number of this entry (1 to 3)"),
    ]


def test_a_plan_has_an_end() -> None:
    runs = [run(series=f"s{number}", count=60) for number in range(4)]

    assert ("actions", "the plan has 240 visits; at most 200 are possible") in faults(
        document(*runs, visits=VISITS)
    )


@pytest.mark.parametrize(
    ("phases", "path", "reason"),
    [
        (
            [{"name": "a", "minutes": 5, "needs": ["chair", "room"]}],
            "",
            "needs chair and room; a visit uses one location",
        ),
        (
            [{"name": "a", "minutes": 5, "attended": False, "needs": []}],
            "",
            "the patient must be there in at least one phase",
        ),
        (
            [{"name": name, "minutes": 720, "needs": []} for name in "ab"],
            "",
            "the visit takes 1440 minutes; it must end on the day it starts",
        ),
        ([{"name": "a", "minutes": 5, "needs": []}] * 2, "[1].name", "the phase a is given twice"),
        (
            [{"name": "a", "minutes": 5, "needs": [{"role": "chair", "presence": True}]}],
            "[0].needs[0]",
            "a chair is used for the whole phase; give only its capability",
        ),
        (
            [{"name": "a", "minutes": 5, "needs": [{"role": "nurse", "capability": "bed"}]}],
            "[0].needs[0].capability",
            "only a chair or a room has capabilities",
        ),
        (
            [{"name": "a", "minutes": 5, "needs": [{"role": "nurse", "presence": True, "exclusive": True}]}],
            "[0].needs[0]",
            "presence uses no capacity; leave out exclusive and minutes, or add a second need",
        ),
        (
            [{"name": "a", "minutes": 15, "needs": [{"role": "prescriber", "minutes": 20}]}],
            "[0].needs[0].minutes",
            "is longer than the phase, which takes 15 minutes",
        ),
    ],
)
def test_phases_make_sense(phases: list[dict[str, Any]], path: str, reason: str) -> None:
    assert faults(document(plain("one", phases=phases))) == [(f"actions[0].phases{path}", reason)]


@pytest.mark.parametrize(
    ("fields", "path", "reason"),
    [
        ({"holds": "days"}, "", "valid_days belongs to holds: days, and holds: days needs valid_days"),
        ({"valid_days": 7}, "", "valid_days belongs to holds: days, and holds: days needs valid_days"),
        ({"within_days": 7}, ".within_days", "is for duties that follow the visit; add after_visit: true"),
        (
            {"after_visit": True, "lead_hours": 24},
            "",
            "a duty that follows each visit holds per_session and has no lead_hours",
        ),
        (
            {"completed_by": ["nurse"]},
            ".completed_by",
            "patients name their driver themselves; leave completed_by out",
        ),
    ],
)
def test_requirements_make_sense(fields: dict[str, Any], path: str, reason: str) -> None:
    broken = document(plain("one", requirements=["driver"]), requirements=[REQUIREMENT | fields])

    assert faults(broken) == [(f"requirements[0]{path}", reason)]


def test_a_requirement_guards_something() -> None:
    assert faults(document(plain("one"), requirements=[REQUIREMENT])) == [
        ("requirements[0]", "no visit requires driver")
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("Stop at {time}.", "shows {time} but does not say when; add `when`, such as `6 h before start`"),
        (
            {"text": "Stop.", "when": "2 h before start"},
            "has a time that the text does not show; add {time} to the text",
        ),
        ("Dear {name}", "only {time} may be used in curly brackets"),
        ("Dear {", "only {time} may be used in curly brackets"),
        ({"text": "{time.tzinfo}", "when": "2 h before start"}, "only {time} may be used in curly brackets"),
    ],
)
def test_lines_show_their_time(line: str | dict[str, str], reason: str) -> None:
    text = {"key": "office", "texts": [{"language": "en", "lines": [line]}]}

    assert faults(document(plain("one"), preparations=[text])) == [
        ("preparations[0].texts[0].lines[0]", reason)
    ]


def test_every_language_tells_the_same_times() -> None:
    english = {"language": "en", "lines": [{"text": "{time}", "when": "6 h before start"}]}
    spanish = {"language": "es", "lines": [{"text": "{time}", "when": "4 h before start"}]}
    broken = document(plain("one"), preparations=[{"key": "office", "texts": [english, spanish]}])

    assert faults(broken) == [("preparations[0]", "the times in es and en differ; they must be the same")]


def test_a_language_is_given_once() -> None:
    text = {"language": "en", "lines": ["Come."]}

    assert faults(document(plain("one"), preparations=[{"key": "office", "texts": [text, text]}])) == [
        ("preparations[0].texts[1].language", "the language en is given twice")
    ]


def test_preparations_do_not_extend_each_other_in_a_circle() -> None:
    texts = [{"language": "en", "lines": ["Come."]}]
    circle = [{"key": key, "extends": base, "texts": texts} for key, base in ("ab", "ba")]

    assert faults(document(plain("one"), preparations=circle)) == [
        ("preparations[0].extends", "a extends itself in a cycle"),
        ("preparations[1].extends", "b extends itself in a cycle"),
    ]


def test_the_refusal_says_where_and_why() -> None:
    refused = PlanRefused((Fault(("actions", 1, "after"), "no"), Fault((), "bad")))

    assert str(refused) == "actions[1].after: no; (file): bad"


def test_what_is_said_of_missed_doses_is_about_visits_that_give_the_drug() -> None:
    dosing = [{"key": "session", "title": "Session", "phases": SESSION, "dosing": True}]
    entry = {"series": "talk", "advice": "Go on.", "source": "ours"}

    assert faults(document(run(), visits=VISITS, missed_doses=[entry])) == [
        ("missed_doses[0].series", "no visit of the series talk gives the drug")
    ]
    wrong = [entry | {"positions": [2, 4]}, entry | {"positions": [3, 2]}, entry | {"positions": [1, 3]}]
    reason = "must be two numbers from 1 to 3, the lower first"
    assert faults(document(run(), visits=dosing, missed_doses=wrong)) == [
        ("missed_doses[0].positions", reason),
        ("missed_doses[1].positions", reason),
    ]
