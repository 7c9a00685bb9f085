"""Plans as documents, both ways."""

from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scheduler.domain.plan_files import from_document, to_document
from scheduler.domain.plans import (
    TICK,
    Action,
    Edge,
    Holds,
    Instruction,
    Need,
    Offset,
    Phase,
    Plan,
    Preparation,
    RequirementDefinition,
    Role,
    Unit,
)

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)

keys = st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True)
words = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=30)
ticks = st.integers(1, 100).map(lambda count: count * TICK)
needs = st.builds(
    Need,
    role=st.sampled_from(Role),
    exclusive=st.booleans(),
    presence=st.booleans(),
    length=st.none() | ticks,
    capability=st.none() | keys,
)
phases = st.builds(
    Phase, name=keys, length=ticks, needs=st.lists(needs, max_size=3).map(tuple), attended=st.booleans()
)
limits = st.lists(st.integers(0, 2000), min_size=3, max_size=3).map(sorted)
instructions = st.builds(
    Instruction,
    text=words,
    offset=st.none() | st.integers(-5000, 5000).map(lambda minutes: minutes * MINUTE),
    edge=st.just(Edge.START),
) | st.builds(
    Instruction, text=words, offset=st.integers(0, 99).map(lambda hours: hours * HOUR), edge=st.just(Edge.END)
)
languages = st.lists(st.sampled_from(["en", "es", "pt-BR"]), min_size=1, unique=True)


@st.composite
def offsets(draw: st.DrawFn, after: str) -> Offset:
    least, target, most = draw(limits)
    return Offset(
        after,
        draw(st.sampled_from(Unit)),
        least,
        target,
        most,
        draw(st.sampled_from(Edge)),
        draw(st.booleans()),
    )


@st.composite
def preparations(draw: st.DrawFn) -> Preparation:
    texts = st.lists(instructions, min_size=1, max_size=3).map(tuple)
    return Preparation(draw(keys), tuple((language, draw(texts)) for language in draw(languages)))


@st.composite
def requirements(draw: st.DrawFn) -> RequirementDefinition:
    holds, after_visit = draw(st.sampled_from(Holds)), draw(st.booleans())
    days = draw(st.none() | st.integers(1, 99))
    lead, titles = draw(st.integers(0, 99)) * HOUR, draw(st.dictionaries(st.just("es"), words))
    roles = draw(st.lists(st.sampled_from(["nurse", "prescriber", "therapist"]), unique=True).map(sorted))
    return RequirementDefinition(
        draw(keys), draw(words), holds, days, lead, after_visit, tuple(titles.items()), tuple(roles)
    )


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    names = draw(st.lists(keys, min_size=1, max_size=5, unique=True))
    actions = []
    for index, key in enumerate(names):
        series, position, length = draw(
            st.none().map(lambda _: (None, None, None)) | st.tuples(keys, *[st.integers(1, 9)] * 2)
        )
        action = Action(
            key=key,
            kind=draw(keys),
            title=draw(words),
            phases=tuple(draw(st.lists(phases, min_size=1, max_size=3))),
            offset=draw(offsets(draw(st.sampled_from(names[:index])))) if index else None,
            before=draw(st.none() | st.sampled_from(names)),
            series=series,
            position=position,
            series_length=length,
            proposed=draw(st.booleans()),
            visible=draw(st.booleans()),
            requirements=tuple(draw(st.lists(keys, max_size=2))),
            preparation=draw(st.none() | keys),
        )
        actions.append(action)
    return Plan(
        key=draw(keys),
        version=draw(st.integers(1, 99)),
        title=draw(words),
        description=draw(st.just("") | words),
        source=draw(words),
        actions=tuple(actions),
        requirements=tuple(draw(st.lists(requirements(), max_size=2))),
        preparations=tuple(draw(st.lists(preparations(), max_size=2, unique_by=lambda each: each.key))),
    )


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])  # a busy machine draws slowly
@given(plans())
def test_a_plan_comes_back_from_its_document(plan: Plan) -> None:
    assert from_document(to_document(plan), plan.version) == plan


def test_defaults_are_left_out() -> None:
    phase = Phase("session", 50 * MINUTE, (Need(Role.ROOM), Need(Role.THERAPIST)))
    plan = Plan("talk", 1, "Talk", "", "ours", (Action("talk-1", "therapy", "Therapy", (phase,)),))

    assert to_document(plan) == {
        "key": "talk",
        "title": "Talk",
        "source": "ours",
        "requirements": [],
        "actions": [
            {
                "key": "talk-1",
                "kind": "therapy",
                "title": "Therapy",
                "phases": [{"name": "session", "minutes": 50, "needs": ["room", "therapist"]}],
            }
        ],
        "preparations": [],
    }


def test_times_of_a_preparation_are_read_from_words() -> None:
    document = {
        "key": "talk",
        "title": "Talk",
        "source": "ours",
        "actions": [{"key": "talk-1", "kind": "therapy", "title": "Therapy", "phases": []}],
        "preparations": [
            {
                "key": "p",
                "texts": [
                    {
                        "language": "en",
                        "lines": [
                            {"text": "a {time}", "when": "90 min before start"},
                            {"text": "b {time}", "when": "24 h after end"},
                            {"text": "c {time}", "when": "0 min before end"},
                            {"text": "d"},
                            "e",
                        ],
                    }
                ],
            }
        ],
    }

    assert from_document(document).preparations[0].lines("en") == (
        Instruction("a {time}", -90 * MINUTE),
        Instruction("b {time}", 24 * HOUR, Edge.END),
        Instruction("c {time}", timedelta(), Edge.END),
        Instruction("d"),
        Instruction("e"),
    )
