"""Taking turns on PostgreSQL, where writers run side by side.

Two bookings that share a resource wait for each other here, in sorted order so that they cannot wait in a circle; the
exclusion constraint stays the last word. A writer that depends on a clinic's hours and closures locks them in share
mode; a writer that changes them locks them exclusively, so that no visit is booked into an hour that is being closed.
On SQLite a writer is alone already (BEGIN IMMEDIATE).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from zlib import crc32

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

JOBS = 0x40000000  # with the job's name; the second number is the clinic
DAY_BITS = 20  # of a resource's lock; the ordinal of a day needs as many until the year 2870
LOCK = text("SELECT pg_advisory_xact_lock(key) FROM unnest(CAST(:keys AS bigint[])) AS key")
GONE_AFTER = "5min"  # longer than any job is between two statements
HOURS = 1  # the first of two numbers: these locks have a room of their own beside those of single numbers


def lock_resources(session: Session, whole: Iterable[int], days: Iterable[tuple[int, date]] = ()) -> None:
    """Hold resources until the transaction ends: the first wholly, the others on a clinic-local day each.

    A patient is held wholly, because the rules look at all their visits; a chair or a nurse only on the days wanted, so
    that two bookings wait for each other only when they may collide. Holding a resource wholly does not wait for
    those who hold a day of it. One statement takes all locks, in sorted order.
    """
    if session.get_bind().dialect.name != "postgresql":
        return
    keys = {resource_id << DAY_BITS for resource_id in whole}
    keys |= {resource_id << DAY_BITS | day.toordinal() for resource_id, day in days}
    if keys:
        session.execute(LOCK, {"keys": sorted(keys)})


def hold_hours(session: Session, clinic_id: int) -> None:
    """Let no one change the clinic's hours and closures until the transaction ends."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock_shared(HOURS, clinic_id)))


def change_hours(session: Session, clinic_id: int) -> None:
    """Wait for everybody who writes by the clinic's hours and closures, and let no one begin until this ends."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(HOURS, clinic_id)))


def take_job(session: Session, job: str, clinic_id: int = 0) -> bool:
    """Take a clinic's turn at a job of the clock until the transaction ends; False while another clock has it.

    It must come before the job looks at what is due, so that it sees what the other clock has written. A clock whose
    machine has gone without a word gives its turn back after some minutes: the server alone would wait for hours.
    """
    if session.get_bind().dialect.name != "postgresql":
        return True
    number = JOBS | crc32(job.encode()) & (JOBS - 1)
    ends = func.set_config("idle_in_transaction_session_timeout", GONE_AFTER, True)
    return bool(session.scalar(select(func.pg_try_advisory_xact_lock(number, clinic_id), ends)))
