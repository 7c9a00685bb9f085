"""A patient's exported record as one page to print: every value as text, nothing to load, nothing to run."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

HEAD = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    "<title>{title}</title><style>body{{font:11pt sans-serif;margin:2em}}dl{{margin:0 0 0 1em}}"
    "dt{{font-weight:bold}}dd{{margin:0 0 .3em 1em}}li{{margin:.6em 0;break-inside:avoid}}</style></head>"
)


def page(record: Mapping[str, Any]) -> str:
    """Return the record as an HTML page."""
    person = record["patient"]
    title = escape(f"{person['given_name']} {person['family_name']} — {record['clinic']}")
    head = HEAD.format(title=title)
    parts = "".join(
        f"<section><h2>{_words(name)}</h2>{_value(value)}</section>"
        for name, value in record.items()
        if isinstance(value, dict | list)
    )
    told = f"<p>Exported at {escape(str(record['exported_at']))}</p>"
    return f"{head}<body><h1>{title}</h1>{told}{parts}</body></html>\n"


def _value(value: Any) -> str:
    if isinstance(value, dict):
        inner = "".join(
            f"<dt>{_words(name)}</dt><dd>{_value(one)}</dd>"
            for name, one in value.items()
            if one not in (None, "", [], {})
        )
        return f"<dl>{inner}</dl>" if inner else "—"
    if isinstance(value, list):
        return f"<ol>{''.join(f'<li>{_value(one)}</li>' for one in value)}</ol>" if value else "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return escape(str(value))


def _words(name: str) -> str:
    return escape(name.replace("_", " ").capitalize())
