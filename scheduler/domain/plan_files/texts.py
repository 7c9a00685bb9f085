"""Preparation texts in a plan document: lines by language, some with a time counted from the visit.

A line's `when` reads like "6 h before start" or "24 h after end"; the end is when the patient may leave. The
text shows the time where it says {time}. `extends` puts another preparation's lines, language by language,
after the own ones.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from scheduler.domain.plan_files.series import Fields
from scheduler.domain.plans import Edge, Instruction, Preparation

UNITS = {"min": timedelta(minutes=1), "h": timedelta(hours=1)}


def preparations_of(document: Fields) -> tuple[Preparation, ...]:
    """Return the preparations of a checked document, each with the lines that it takes over."""
    by_key = {fields["key"]: fields for fields in document.get("preparations", ())}
    return tuple(Preparation(key, tuple(written_out(key, by_key).items())) for key in by_key)


def written_out(key: str, by_key: Fields) -> dict[str, tuple[Instruction, ...]]:
    """Return a preparation's lines by language, own ones first. Its `extends` must not run in a circle."""
    fields = by_key[key]
    lines = {text["language"]: tuple(map(_instruction, text["lines"])) for text in fields["texts"]}
    if (base := fields.get("extends")) is not None:
        inherited = written_out(base, by_key)
        lines = {language: own + inherited.get(language, ()) for language, own in lines.items()}
    return lines


def preparation_document(preparation: Preparation) -> dict[str, Any]:
    """Return the plain form of a preparation."""
    texts = [
        {"language": language, "lines": [_line(instruction) for instruction in instructions]}
        for language, instructions in preparation.instructions
    ]
    return {"key": preparation.key, "texts": texts}


def _instruction(line: str | Fields) -> Instruction:
    if isinstance(line, str):
        return Instruction(line)
    if "when" not in line:
        return Instruction(line["text"])
    count, unit, side, edge = line["when"].split()
    offset = int(count) * UNITS[unit]
    return Instruction(line["text"], -offset if side == "before" else offset, Edge(edge))


def _line(instruction: Instruction) -> str | dict[str, Any]:
    if instruction.offset is None:
        return instruction.text
    side = "before" if instruction.offset < timedelta() else "after"
    length = abs(instruction.offset)
    unit = "min" if length % UNITS["h"] else "h"
    return {
        "text": instruction.text,
        "when": f"{length // UNITS[unit]} {unit} {side} {instruction.edge.value}",
    }
