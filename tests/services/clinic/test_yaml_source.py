"""YAML with lines: what is read, and what is refused where."""

from typing import Any

import pytest

from scheduler.services.clinic.yaml_source import FileRefused, read_yaml

ANYTHING: dict[str, Any] = {}
SHAPE: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["key", "size"],
    "properties": {
        "key": {"type": "string", "pattern": "^[a-z]+$", "errorMessage": "must be small letters"},
        "size": {"type": "integer", "minimum": 5, "maximum": 50, "multipleOf": 5},
        "days": {
            "type": "array",
            "minItems": 1,
            "maxItems": 2,
            "uniqueItems": True,
            "items": {"enum": ["mon", "tue"]},
        },
        "name": {"type": "string", "minLength": 2, "maxLength": 4},
        "open": {"type": "boolean"},
    },
}


def refusal(text: str | bytes, schema: dict[str, Any] = ANYTHING) -> list[str]:
    with pytest.raises(FileRefused) as refused:
        read_yaml(text.encode() if isinstance(text, str) else text, schema)
    assert str(refused.value) == "\n".join(map(str, refused.value.faults))
    return [str(fault) for fault in refused.value.faults]


def test_plain_values_are_what_they_look_like() -> None:
    text = (
        "a: 08:00\nb: no\nc: on\nd: 12\ne: true\nf: 1.5\ng: 2026-11-23\nh: '12'\ni:\nj: 010\nk: 5.0\nl: ~\n"
    )

    assert read_yaml(text.encode(), ANYTHING).document == {
        "a": "08:00",
        "b": "no",
        "c": "on",
        "d": 12,
        "e": True,
        "f": 1.5,
        "g": "2026-11-23",
        "h": "12",
        "i": None,
        "j": 10,
        "k": 5,
        "l": None,
    }


def test_every_path_has_its_line() -> None:
    source = read_yaml(b"a:\n  - x: 1\n    y: 2\n  - z\nb: 3\n", ANYTHING)

    assert source.lines == {
        (): 1,
        ("a",): 1,
        ("a", 0): 2,
        ("a", 0, "x"): 2,
        ("a", 0, "y"): 3,
        ("a", 1): 4,
        ("b",): 5,
    }
    assert source.line(("a", 1, "deeper", 7)) == 4


def test_faults_of_the_shape_come_with_their_line_and_in_words() -> None:
    text = """key: Wrong
size: 7
days: [mon, sun]
name: too long
open: perhaps
colour: red
"""
    assert refusal(text, SHAPE) == [
        "line 1: key: must be small letters",
        "line 2: size: must be a multiple of 5",
        "line 3: days[1]: must be one of mon, tue",
        "line 4: name: must have at most 4 characters",
        "line 5: open: must be true or false",
        "line 6: colour: is not a known name; possible here: days, key, name, open, size",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("key: a\nsize: 0", "line 2: size: must be at least 5"),
        ("key: a\nsize: 55", "line 2: size: must be at most 50"),
        ("key: a\nsize: '5'", "line 2: size: must be a whole number"),
        ("key: a\nsize: 5\ndays: []", "line 3: days: must have at least 1 entries"),
        ("key: a\nsize: 5\ndays:\n  - mon\n  - mon", "line 3: days: must not name anything twice"),
        ("key: a\nsize: 5\ndays: mon", "line 3: days: must be a list"),
        ("key: a\nsize: 5\nname: x", "line 3: name: must have at least 2 characters"),
        ("key: a\nsize: 5\nnome: xyz", "line 3: nome: is not a known name; did you mean name?"),
        ("key: 12\nsize: 5", "line 1: key: must be text"),
        ("days: [mon]", "line 1: (file): must have key, size"),
        ("- key", "line 1: (file): must be a group of names with values"),
        ("", "line 1: (file): must be a group of names with values"),
    ],
)
def test_each_fault_of_the_shape_has_its_words(text: str, fault: str) -> None:
    assert refusal(text, SHAPE) == [fault]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a: 1\nb: 2\na: 3\n", "line 3: (file): is not YAML: a is given twice"),
        ("a: &x [1]\nb: *x\n", "line 2: (file): is not YAML: aliases are not read here"),
        (
            "a: 1\nb: !!python/name:os.system x\n",
            "line 2: (file): is not YAML: the tag tag:yaml.org,2002:python/name:os.system is not read here",
        ),
        ("a: 1\nb: !mine x\n", "line 2: (file): is not YAML: the tag !mine is not read here"),
        ("a: 1\n---\nb: 2\n", "line 2: (file): is not YAML: but found another document"),
        ("a: 1\n? [b]\n: 2\n", "line 2: (file): is not YAML: a name must be plain text"),
        ("a: 1\nb: 'x\0'\n", "line 2: (file): contains a character that YAML does not allow"),
        (b"a: 1\nb: \xff\n", "line 2: (file): is not UTF-8 text"),
        ("[" * 20_000, "line 1: (file): is nested too deeply"),
        ("a" * 40_001, "line 1: (file): is larger than 40 kB"),
    ],
)
def test_what_is_not_plain_yaml_is_refused_at_its_line(text: str | bytes, fault: str) -> None:
    assert refusal(text) == [fault]


def test_a_file_that_breaks_off_is_refused_at_its_line() -> None:
    faults = refusal("a: 1\nb: [1,\nc: 2\n")

    assert len(faults) == 1
    assert faults[0].startswith("line 3: (file): is not YAML: ")
