"""A class name stands once in the package, so that a name in a traceback, a search or a review means one thing."""

import ast
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_no_class_name_is_used_twice():
    sources = {
        str(path.relative_to(ROOT)): path.read_text()
        for path in sorted((ROOT / "scheduler").rglob("*.py"))
        if "migrations" not in path.parts
    }
    assert repeated_names(sources) == []


def test_a_repeated_name_is_reported_with_both_files():
    sources = {
        "scheduler/models/location.py": "class Location:\n    pass",
        "scheduler/models/patient.py": "class Patient:\n    class Meta:\n        pass",
        "scheduler/web/maps.py": "class Location:\n    class Meta:\n        pass",
    }
    assert repeated_names(sources) == ["Location: scheduler/models/location.py, scheduler/web/maps.py"]


def repeated_names(sources: Mapping[str, str]) -> list[str]:
    """Return each top-level class name that stands more than once, with its files."""
    files = defaultdict(list)
    for file, source in sources.items():
        for node in ast.parse(source).body:
            if isinstance(node, ast.ClassDef):
                files[node.name].append(file)
    return [f"{name}: {', '.join(found)}" for name, found in sorted(files.items()) if len(found) > 1]
