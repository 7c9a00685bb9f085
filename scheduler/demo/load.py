"""Loading the demo: the clinic, its patients, and their courses played from the past up to now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from scheduler.demo import answers, calendar, clinic, courses, files
from scheduler.demo.clinic import Account
from scheduler.demo.silence import silence
from scheduler.demo.stories import stories
from scheduler.demo.world import World
from scheduler.domain.localtime import local_on
from scheduler.models.clinic import Clinic

HISTORY = timedelta(days=80)  # longer than the oldest story

Progress = Callable[[float], None]


@dataclass(frozen=True)
class Loaded:
    """The clinic, its sign-ins with their passwords, and what happened how often."""

    clinic: Clinic
    accounts: tuple[Account, ...]
    counts: Mapping[str, int]


def play(session: Session, now: datetime, seed: int, patients: int, progress: Progress) -> Loaded:
    """Make the demo clinic, in a database without a clinic, and play its past up to now.

    `progress` is called with the part that is done, from 0 to 1.
    """
    document = files.read("clinic")
    names = files.read("patients")
    since = now - HISTORY
    today = local_on(now, calendar.zone_of(document))
    cast = clinic.set_up(session, document, today, since)
    world = World(session, cast, now, today)
    for story in stories(patients, seed):
        courses.tell(world, story, names, seed)
    for at in world.timeline.play(until=now):
        progress((at - since) / HISTORY)
    silence(session, cast.clinic, now)
    answers.ask_for_other_times(world)
    answers.wait_for_earlier_times(world)
    answers.leave_a_task(world)
    progress(1)
    return Loaded(cast.clinic, cast.accounts, dict(world.told))
