"""The demo as a scene: played once for each engine, for all tests that read the same clinic."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler.database import begin_write
from scheduler.demo.load import Loaded, play
from scheduler.models.clinic import Clinic
from tests.engines import scene

TUESDAY = datetime(2026, 11, 24, 15, 20, tzinfo=UTC)  # 10:20 in New York
PATIENTS = 18


def played(session: Session, now: datetime, patients: int, seed: int = 1) -> Loaded:
    """Play the demo into an empty database, and commit it."""
    progress: list[float] = []
    begin_write(session)
    loaded = play(session, now, seed, patients, progress.append)
    session.commit()
    assert progress == sorted(progress)
    assert progress[-1] == 1
    return loaded


@scene("tuesday")
def play_tuesday(session: Session) -> None:
    played(session, TUESDAY, PATIENTS)


@pytest.fixture
def tuesday(session: Session) -> Clinic:
    """The demo clinic, loaded on a Tuesday morning with a fourth of its patients."""
    clinic = session.scalars(select(Clinic)).one()
    session.commit()
    return clinic
