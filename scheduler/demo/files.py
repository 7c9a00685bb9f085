"""The demo's own files, each with its JSON Schema beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scheduler.services.clinic.yaml_source import read_schema, read_yaml

FOLDER = Path(__file__).parent


def read(name: str) -> Any:
    """Return what `name`.yaml says. Raises FileRefused with the line and the reason of every fault."""
    return read_yaml(
        (FOLDER / f"{name}.yaml").read_bytes(), read_schema(FOLDER / f"{name}.schema.json")
    ).document
