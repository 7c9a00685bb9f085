"""The plan definitions that are shipped: each is read without a fault, and says what its source says."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import scheduler
from scheduler.domain.plan_files import checked_plan, from_document, to_document
from scheduler.domain.plans import Action, Plan, Unit
from scheduler.services.clinic.yaml_source import read_schema, read_yaml

FOLDER = Path(scheduler.__file__).parent / "protocols"
SCHEMA = read_schema(FOLDER / "plan-definition.schema.json")
KEYS = [
    "crps-10-day",
    "esketamine-nasal",
    "iv-anxiety-6",
    "iv-depression-6",
    "iv-depression-6-fast",
    "iv-depression-6-therapy",
    "iv-fibromyalgia-5",
    "iv-maintenance",
    "iv-migraine-5",
    "iv-ocd-6",
    "iv-ptsd-6",
    "kap-im-6",
    "lozenge-6",
    "therapy-6",
]
PREPARED = {"consult": 1, "assessment": 1, "consent": 1}
SHORT = {Unit.HOURS: "h", Unit.DAYS: "d", Unit.WORKING_DAYS: "wd"}


def plan(key: str) -> Plan:
    return checked_plan(read_yaml((FOLDER / f"{key}.yaml").read_bytes(), SCHEMA).document)


def minutes(action: Action) -> list[tuple[str, int]]:
    return [(phase.name, int(phase.length.total_seconds()) // 60) for phase in action.phases]


def line(action: Action) -> str:
    parts = [action.key]
    if action.offset:
        offset = action.offset
        edge = "" if offset.edge == "start" else f" {offset.edge}"
        parts.append(f"{offset.after}{edge} +{offset.min}/{offset.target}/{offset.max} {SHORT[offset.unit]}")
    if action.before:
        parts.append(f"< {action.before}")
    if action.series:
        parts.append(f"{action.position} of {action.series_length}")
    parts.extend(
        word for word, shown in (("proposed", action.proposed), ("hidden", not action.visible)) if shown
    )
    return ", ".join(parts)


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_these_plans_are_shipped() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.yaml")) == KEYS


@pytest.mark.parametrize("key", KEYS)
def test_each_is_read_and_kept_in_plain_form(key: str) -> None:
    read = plan(key)
    document: dict[str, Any] = to_document(read)

    assert read.key == key
    assert [each.message for each in Draft202012Validator(SCHEMA).iter_errors(document)] == []
    assert from_document(document) == read
    assert checked_plan(document) == read


@pytest.mark.parametrize("key", KEYS)
def test_each_text_is_there_in_english_and_spanish(key: str) -> None:
    preparations = plan(key).preparations

    assert {language for each in preparations for language, _ in each.instructions} == {"en", "es"}
    assert [len(each.lines("en")) for each in preparations] == [
        len(each.lines("es")) for each in preparations
    ]


@pytest.mark.parametrize(
    ("key", "firm", "proposed"),
    [
        ("crps-10-day", {"infusion": 10}, 9),
        ("esketamine-nasal", {"session": 12, "therapy": 8}, 6),
        (
            "iv-depression-6",
            {"consult": 1, "assessment": 1, "consent": 1, "infusion": 6, "therapy": 6, "call": 6},
            3,
        ),
        (
            "iv-depression-6-fast",
            {"consult": 1, "assessment": 1, "consent": 1, "infusion": 6, "therapy": 2, "call": 6},
            3,
        ),
        *(
            (key, {**PREPARED, "infusion": 6, "therapy": 6, "call": 6}, 3)
            for key in ("iv-anxiety-6", "iv-depression-6-therapy", "iv-ocd-6")
        ),
        *((key, {**PREPARED, "infusion": 5, "call": 1}, 3) for key in ("iv-fibromyalgia-5", "iv-migraine-5")),
        ("iv-maintenance", {**PREPARED, "infusion": 4, "therapy": 4, "call": 4}, 6),
        ("iv-ptsd-6", {**PREPARED, "infusion": 6, "therapy": 2, "call": 6}, 3),
        ("kap-im-6", {"preparation": 2, "dosing": 6, "integration": 6}, 0),
        ("lozenge-6", {"preparation": 1, "dosing": 6, "integration": 6}, 0),
        ("therapy-6", {"therapy": 6}, 0),
    ],
)
def test_each_has_its_visits(key: str, firm: dict[str, int], proposed: int) -> None:
    read = plan(key)

    assert Counter(action.kind for action in read.firm) == firm
    assert len(read.actions) - len(read.firm) == proposed


def test_the_six_infusions_with_their_therapies_and_calls() -> None:
    assert [line(action) for action in plan("iv-depression-6").actions] == [
        "consult",
        "assessment, consult +1/3/14 d",
        "consent, assessment +0/2/14 d",
        "infusion-1, consent +1/3/14 d, 1 of 6",
        "therapy-1, infusion-1 end +24/24/72 h, < infusion-2, 1 of 6",
        "call-1, infusion-1 +1/1/1 wd, < infusion-2, 1 of 6, hidden",
        "infusion-2, infusion-1 +2/3/4 d, 2 of 6",
        "therapy-2, infusion-2 end +24/24/72 h, < infusion-3, 2 of 6",
        "call-2, infusion-2 +1/1/1 wd, < infusion-3, 2 of 6, hidden",
        "infusion-3, infusion-2 +2/3/4 d, 3 of 6",
        "therapy-3, infusion-3 end +24/24/72 h, < infusion-4, 3 of 6",
        "call-3, infusion-3 +1/1/1 wd, < infusion-4, 3 of 6, hidden",
        "infusion-4, infusion-3 +2/3/4 d, 4 of 6",
        "therapy-4, infusion-4 end +24/24/72 h, < infusion-5, 4 of 6",
        "call-4, infusion-4 +1/1/1 wd, < infusion-5, 4 of 6, hidden",
        "infusion-5, infusion-4 +2/3/4 d, 5 of 6",
        "therapy-5, infusion-5 end +24/24/72 h, < infusion-6, 5 of 6",
        "call-5, infusion-5 +1/1/1 wd, < infusion-6, 5 of 6, hidden",
        "infusion-6, infusion-5 +2/3/4 d, 6 of 6",
        "therapy-6, infusion-6 end +24/24/72 h, 6 of 6",
        "call-6, infusion-6 +1/1/1 wd, 6 of 6, hidden",
        "booster-1, infusion-6 +21/28/42 d, 1 of 3, proposed",
        "booster-2, booster-1 +28/35/56 d, 2 of 3, proposed",
        "booster-3, booster-2 +42/56/90 d, 3 of 3, proposed",
    ]


def test_weekly_therapies_hang_from_the_right_visits() -> None:
    found = {
        key: [line(action) for action in plan(key).actions if action.kind == "therapy"]
        for key in ("iv-depression-6-fast", "esketamine-nasal")
    }

    assert found == {
        "iv-depression-6-fast": [
            "therapy-1, infusion-3 +1/1/3 d, < infusion-4, 1 of 2",
            "therapy-2, infusion-6 +1/1/3 d, 2 of 2",
        ],
        "esketamine-nasal": [
            "therapy-1, session-2 +1/1/3 d, < session-3, 1 of 8",
            "therapy-2, session-4 +1/1/3 d, < session-5, 2 of 8",
            "therapy-3, session-6 +1/1/3 d, < session-7, 3 of 8",
            "therapy-4, session-8 +1/1/3 d, < session-9, 4 of 8",
            "therapy-5, session-9 +1/1/3 d, < session-10, 5 of 8",
            "therapy-6, session-10 +1/1/3 d, < session-11, 6 of 8",
            "therapy-7, session-11 +1/1/3 d, < session-12, 7 of 8",
            "therapy-8, session-12 +1/1/3 d, 8 of 8",
        ],
    }


def test_consecutive_days_are_working_days_and_nobody_may_override_them() -> None:
    offsets = [action.offset for action in plan("crps-10-day").firm[1:]]

    assert {(o.unit, o.min, o.target, o.max, o.hard) for o in offsets if o} == {
        (Unit.WORKING_DAYS, 1, 1, 1, True)
    }


@pytest.mark.parametrize(
    ("key", "action", "expected"),
    [
        (
            "iv-depression-6",
            "infusion-1",
            [("set-up", 15), ("infusion", 40), ("observation", 60), ("turnover", 10)],
        ),
        (
            "esketamine-nasal",
            "session-1",
            [("set-up", 15), ("dosing", 15), ("observation", 120), ("turnover", 10)],
        ),
        (
            "crps-10-day",
            "infusion-1",
            [("set-up", 15), ("infusion", 240), ("observation", 60), ("turnover", 10)],
        ),
        ("kap-im-6", "dosing-1", [("set-up", 15), ("dosing", 150), ("turnover", 10)]),
        ("therapy-6", "therapy-1", [("session", 50)]),
        ("iv-depression-6", "call-1", [("call", 10)]),
    ],
)
def test_visits_take_their_time(key: str, action: str, expected: list[tuple[str, int]]) -> None:
    assert minutes(plan(key).action(action)) == expected


@pytest.mark.parametrize(
    ("key", "action"),
    [
        ("iv-depression-6", "infusion-1"),
        ("esketamine-nasal", "session-1"),
        ("crps-10-day", "infusion-1"),
        ("kap-im-6", "dosing-1"),
    ],
)
def test_treatment_takes_up_the_right_people(key: str, action: str) -> None:
    setup, *treatment, turnover = plan(key).action(action).phases

    assert [
        (n.role, n.exclusive, n.length and n.length.seconds // 60)
        for n in setup.needs
        if n.role in ("nurse", "prescriber")
    ] == [
        ("nurse", True, None),
        ("prescriber", False, 10),
    ]
    for phase in treatment:
        assert [
            (n.role, n.exclusive, n.presence) for n in phase.needs if n.role in ("nurse", "prescriber")
        ] == [
            ("nurse", False, False),
            ("prescriber", False, True),
        ]
    assert not turnover.attended
    assert [need.role.is_place for need in turnover.needs] == [True]


def test_the_therapist_is_there_throughout_dosing() -> None:
    phases = plan("kap-im-6").action("dosing-1").phases

    assert [[need.role.value for need in phase.needs][:2] for phase in phases] == [
        ["room", "therapist"],
        ["room", "therapist"],
        ["room"],
    ]


def test_the_monitoring_form_follows_the_visit() -> None:
    requirement = plan("esketamine-nasal").requirement("rems-monitoring-form")

    assert (requirement.after_visit, requirement.valid_days, requirement.holds) == (True, 7, "per_session")


@pytest.mark.parametrize("key", KEYS)
def test_what_patients_are_asked_for_has_a_name_in_spanish(key):
    asked = [requirement for requirement in plan(key).requirements if not requirement.after_visit]

    assert [requirement.key for requirement in asked if requirement.titled("es") == requirement.title] == []


@pytest.mark.parametrize("key", KEYS)
def test_clinical_requirements_name_who_completes_them(key):
    named = {
        requirement.key: set(requirement.completed_by)
        for requirement in plan(key).requirements
        if requirement.key != "driver"
    }

    assert all(named.values())
    assert named.get("medical-clearance", {"prescriber"}) == {"prescriber"}
    assert named.get("pregnancy-test", {"nurse", "prescriber"}) == {"nurse", "prescriber"}
    assert named.get("psychiatric-evaluation", {"prescriber", "therapist"}) == {"prescriber", "therapist"}


@pytest.mark.parametrize("key", KEYS)
def test_each_marks_what_is_ours(key: str) -> None:
    assert "ours" in plan(key).source.lower()


def test_six_infusions_for_ptsd_take_two_weeks() -> None:
    infusions = [action for action in plan("iv-ptsd-6").firm if action.kind == "infusion"]
    later = [action.offset for action in infusions[1:] if action.offset]

    assert sum(offset.target for offset in later) <= 14
    assert minutes(infusions[0])[1] == ("infusion", 40)


def test_long_therapy_sessions_and_long_infusions_are_as_long_as_they_say() -> None:
    therapy = plan("iv-depression-6-therapy").action("therapy-1")
    migraine = plan("iv-migraine-5").action("infusion-1")

    assert minutes(therapy) == [("session", 90)]
    assert dict(minutes(migraine))["infusion"] == 240
