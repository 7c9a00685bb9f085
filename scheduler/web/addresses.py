"""Addresses that a page is asked to go on to."""

from __future__ import annotations


def safe(wanted: str) -> str:
    """Return an address of this site, or nothing."""
    inner = wanted.startswith("/") and not wanted.startswith(("//", "/\\"))
    return wanted if inner and wanted.isprintable() else ""
