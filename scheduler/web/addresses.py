"""Addresses that a page is asked to go on to."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import request


def safe(wanted: str) -> str:
    """Return an address of this site, or nothing."""
    inner = wanted.startswith("/") and not wanted.startswith(("//", "/\\"))
    return wanted if inner and wanted.isprintable() else ""


def came_from() -> str:
    """Return the address of our page from which this request was sent, or nothing."""
    page = urlsplit(request.headers.get("HX-Current-URL") or request.referrer or "")
    if page.netloc != request.host:
        return ""
    return safe(f"{page.path}?{page.query}".rstrip("?"))
