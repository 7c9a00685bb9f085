"""YAML files that people edit, read so that every fault has its line.

Plain values follow YAML 1.2's core schema, not 1.1: `no` and `on` are words, `08:00` is not a number of
seconds. A name given twice is refused instead of the last one winning, and anchors and aliases are not read,
since a few lines of them can stand for gigabytes. The shape is checked against a JSON Schema; a schema's own
`errorMessage` is what people see.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

import yaml

from scheduler.domain.plan_files.fault import Fault, Path
from scheduler.services.clinic.schema_faults import schema_faults

LARGEST = 40_000  # bytes: twice the largest that is shipped, written out; it is judged within two seconds
WIDTH = 100  # columns of a file that is written here
INTEGER = re.compile(r"[-+]?[0-9]{1,18}\Z")
DECIMAL = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)\Z")
UNTAGGED = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "seq", "map")}
WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}


class FileRefused(ValueError):
    """The file is not right: `faults` says where and why, in order of line, and nothing of it was used."""

    def __init__(self, faults: Iterable[LineFault]) -> None:
        self.faults = tuple(sorted(faults, key=lambda fault: fault.line))
        super().__init__("\n".join(map(str, self.faults)))


@dataclass(frozen=True, slots=True)
class LineFault:
    """A fault with its line in the file, counted from 1."""

    line: int
    where: str
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.where}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Source:
    """What a file says, and the line of every path in it."""

    document: Any
    lines: Mapping[Path, int]

    def placed(self, faults: Iterable[Fault]) -> list[LineFault]:
        return [LineFault(self.line(fault.path), fault.where, fault.reason) for fault in faults]

    def line(self, path: Path) -> int:
        """Return the line of a path, or of the nearest part of it that the file has."""
        while path not in self.lines:
            path = path[:-1]
        return self.lines[path]


def read_yaml(content: bytes, schema: Mapping[str, Any]) -> Source:
    """Return what a YAML file says, once it keeps the schema.

    Raises FileRefused with every fault of the shape, or with the first place that is not YAML.
    """
    source = _parsed(_decoded(content))
    if faults := schema_faults(source.document, schema):
        raise FileRefused(source.placed(faults))
    return source


def write_yaml(document: Any) -> str:
    """Return a document as a file to edit: what fits on a line stands on one."""
    return yaml.dump(_in_lines(document), Dumper=_Compact, sort_keys=False, allow_unicode=True, width=WIDTH)


def read_schema(path: FilePath) -> Mapping[str, Any]:
    """Return a JSON Schema that lies beside the files it describes."""
    schema: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return schema


def _decoded(content: bytes) -> str:
    if len(content) > LARGEST:
        raise FileRefused([LineFault(1, "(file)", f"is larger than {LARGEST // 1000} kB")])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise FileRefused([LineFault(line, "(file)", "is not UTF-8 text")]) from None


def _parsed(text: str) -> Source:
    lines: dict[Path, int] = {(): 1}
    try:
        node = yaml.compose(text, Loader=_Plain)
        return Source(None if node is None else _built(node, (), lines), lines)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise FileRefused(
            [LineFault(line, "(file)", "contains a character that YAML does not allow")]
        ) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = min(mark.line + 1, len(text.splitlines())) if mark else 1
        raise FileRefused([LineFault(line, "(file)", f"is not YAML: {error.problem}")]) from None
    except RecursionError:
        raise FileRefused([LineFault(1, "(file)", "is nested too deeply")]) from None


class _Plain(yaml.BaseLoader):
    """Composes nodes without guessing types; does not follow aliases."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.get_event().start_mark  # type: ignore[no-untyped-call]  # the stubs leave it out
            raise yaml.MarkedYAMLError(problem="aliases are not read here", problem_mark=mark)
        node: yaml.Node | None = super().compose_node(parent, index)
        return node


class _OneLine:
    """A list or mapping that is written on one line."""

    def __init__(self, value: Any) -> None:
        self.value = value


class _Compact(yaml.SafeDumper):
    """Writes `_OneLine` in flow style."""


def _flow(dumper: yaml.SafeDumper, line: _OneLine) -> yaml.Node:
    node = dumper.represent_data(line.value)
    if isinstance(node, yaml.CollectionNode):
        node.flow_style = True
    return node


_Compact.add_representer(_OneLine, _flow)


def _in_lines(value: Any, depth: int = 0) -> Any:
    """Return a document with what is short enough, below its entries, as lines."""
    if not isinstance(value, dict | list):
        return value
    if depth > 2 and len(json.dumps(value, ensure_ascii=False)) < WIDTH - 20:
        return _OneLine(value)
    if isinstance(value, dict):
        return {name: _in_lines(one, depth + 1) for name, one in value.items()}
    return [_in_lines(one, depth + 1) for one in value]


def _built(node: yaml.Node, path: Path, lines: dict[Path, int]) -> Any:
    lines.setdefault(path, node.start_mark.line + 1)
    if node.tag not in UNTAGGED:
        raise yaml.MarkedYAMLError(
            problem=f"the tag {node.tag} is not read here", problem_mark=node.start_mark
        )
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, lines)
    if isinstance(node, yaml.SequenceNode):
        return [_built(each, (*path, index), lines) for index, each in enumerate(node.value)]
    is_plain = isinstance(node, yaml.ScalarNode) and node.style is None
    return _scalar(node.value) if is_plain else node.value


def _mapping(node: yaml.MappingNode, path: Path, lines: dict[Path, int]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise yaml.MarkedYAMLError(problem="a name must be plain text", problem_mark=key.start_mark)
        if key.value in result:
            raise yaml.MarkedYAMLError(problem=f"{key.value} is given twice", problem_mark=key.start_mark)
        lines[(*path, key.value)] = key.start_mark.line + 1
        result[key.value] = _built(value, (*path, key.value), lines)
    return result


def _scalar(text: str) -> Any:
    if text in WORDS:
        return WORDS[text]
    if INTEGER.match(text):
        return int(text)
    if not DECIMAL.match(text):
        return text
    number = float(text)
    return int(number) if number.is_integer() else number
