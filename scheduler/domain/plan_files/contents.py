"""Rules on what a plan file says of phases, requirements and texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from string import Formatter

from scheduler.domain.plan_files.fault import Fault, Path
from scheduler.domain.plan_files.series import Fields, SourcedAction
from scheduler.domain.plan_files.texts import written_out
from scheduler.domain.plans import DRIVER, Instruction, Role

LONGEST_VISIT = 24 * 60


def content_faults(document: Fields, steps: Sequence[SourcedAction]) -> Iterator[Fault]:
    for path, phases in _phase_lists(document):
        yield from _phases_faults(path, phases)
    guarding = {requirement for step in steps for requirement in step.action.get("requirements", ())}
    for index, requirement in enumerate(document.get("requirements", ())):
        yield from _requirement_faults(("requirements", index), requirement, requirement["key"] in guarding)
    by_key = {entry["key"]: entry for entry in document.get("preparations", ())}
    for index, entry in enumerate(document.get("preparations", ())):
        yield from _text_faults(("preparations", index), entry, by_key)


def _phase_lists(document: Fields) -> Iterator[tuple[Path, Sequence[Fields]]]:
    for part in ("visits", "actions"):
        for index, entry in enumerate(document.get(part, ())):
            if "phases" in entry:
                yield (part, index, "phases"), entry["phases"]


def _phases_faults(path: Path, phases: Sequence[Fields]) -> Iterator[Fault]:
    places = {role for phase in phases for role in map(_role, phase["needs"]) if Role(role).is_place}
    if len(places) > 1:
        yield Fault(path, f"needs {' and '.join(sorted(places))}; a visit uses one location")
    if not any(phase.get("attended", True) for phase in phases):
        yield Fault(path, "the patient must be there in at least one phase")
    if (total := sum(phase["minutes"] for phase in phases)) >= LONGEST_VISIT:
        yield Fault(path, f"the visit takes {total} minutes; it must end on the day it starts")
    names = [phase["name"] for phase in phases]
    for index, phase in enumerate(phases):
        if phase["name"] in names[:index]:
            yield Fault((*path, index, "name"), f"the phase {phase['name']} is given twice")
        for number, need in enumerate(phase["needs"]):
            yield from _need_faults((*path, index, "needs", number), need, phase)


def _need_faults(path: Path, need: str | Fields, phase: Fields) -> Iterator[Fault]:
    if isinstance(need, str):
        return
    is_place = Role(need["role"]).is_place
    if is_place and (need.get("exclusive") or need.get("presence") or "minutes" in need):
        yield Fault(path, f"a {need['role']} is used for the whole phase; give only its capability")
    if not is_place and "capability" in need:
        yield Fault((*path, "capability"), "only a chair or a room has capabilities")
    if need.get("presence") and (need.get("exclusive") or "minutes" in need):
        yield Fault(path, "presence uses no capacity; leave out exclusive and minutes, or add a second need")
    if need.get("minutes", 0) > phase["minutes"]:
        yield Fault((*path, "minutes"), f"is longer than the phase, which takes {phase['minutes']} minutes")


def _requirement_faults(path: Path, requirement: Fields, guards: bool) -> Iterator[Fault]:
    if (requirement["holds"] == "days") != ("valid_days" in requirement):
        yield Fault(path, "valid_days belongs to holds: days, and holds: days needs valid_days")
    if "within_days" in requirement and not requirement.get("after_visit"):
        yield Fault((*path, "within_days"), "is for duties that follow the visit; add after_visit: true")
    if requirement.get("after_visit") and (
        requirement["holds"] != "per_session" or "lead_hours" in requirement
    ):
        yield Fault(path, "a duty that follows each visit holds per_session and has no lead_hours")
    if requirement.get("after_visit") and requirement.get("if_applies"):
        yield Fault((*path, "if_applies"), "a duty that follows each visit always applies")
    if requirement["key"] == DRIVER and (requirement.get("reference") or requirement.get("if_applies")):
        yield Fault(path, "patients name their driver themselves; leave reference and if_applies out")
    if requirement["key"] == DRIVER and "completed_by" in requirement:
        yield Fault((*path, "completed_by"), "patients name their driver themselves; leave completed_by out")
    if not guards:
        yield Fault(path, f"no visit requires {requirement['key']}")


def _text_faults(path: Path, entry: Fields, by_key: Fields) -> Iterator[Fault]:
    for number, text in enumerate(entry["texts"]):
        here = (*path, "texts", number)
        if text["language"] in [earlier["language"] for earlier in entry["texts"][:number]]:
            yield Fault((*here, "language"), f"the language {text['language']} is given twice")
        for index, line in enumerate(text["lines"]):
            yield from _line_faults((*here, "lines", index), line)
    times = {language: _times(lines) for language, lines in written_out(entry["key"], by_key).items()}
    first, expected = next(iter(times.items()))
    for language, found in times.items():
        if found != expected:
            yield Fault(path, f"the times in {language} and {first} differ; they must be the same")


def _line_faults(path: Path, line: str | Fields) -> Iterator[Fault]:
    text, timed = (line, False) if isinstance(line, str) else (line["text"], "when" in line)
    try:
        fields = [name for _, name, _, _ in Formatter().parse(text) if name is not None]
    except ValueError:
        fields = ["{"]
    if any(name != "time" for name in fields):
        yield Fault(path, "only {time} may be used in curly brackets")
    elif timed and not fields:
        yield Fault(path, "has a time that the text does not show; add {time} to the text")
    elif fields and not timed:
        yield Fault(path, "shows {time} but does not say when; add `when`, such as `6 h before start`")


def _times(lines: Sequence[Instruction]) -> list[tuple[object, str]]:
    return [(line.offset, line.edge.value) for line in lines if line.offset is not None]


def _role(need: str | Fields) -> str:
    return need if isinstance(need, str) else str(need["role"])
