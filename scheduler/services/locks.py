"""Taking turns on PostgreSQL, where writers run side by side.

Two bookings that share a resource wait for each other here, in sorted order so that they cannot wait in a circle; the
exclusion constraint stays the last word. On SQLite a writer is alone already (BEGIN IMMEDIATE).
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import func, select
from sqlalchemy.orm import Session


def lock_resources(session: Session, resource_ids: Iterable[int]) -> None:
    """Hold these resources until the transaction ends."""
    if session.get_bind().dialect.name != "postgresql":
        return
    for resource_id in sorted(set(resource_ids)):
        session.execute(select(func.pg_advisory_xact_lock(resource_id)))
