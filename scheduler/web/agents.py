"""The name of a browser as a person knows it, from what it says about itself."""

from __future__ import annotations

from flask import Flask


def register(app: Flask) -> None:
    """Add the filter."""
    app.add_template_filter(browser_name)


def browser_name(agent: str) -> str:
    """Return "Mobile Safari on iOS", or what is known of it."""
    from ua_parser import parse  # noqa: PLC0415  (its table of names is read once, by the few pages that show them)

    known = parse(agent)
    names = (known.user_agent, known.os)
    return " on ".join(name.family for name in names if name) or "unknown"
