"""The life of a visit that goes as planned: confirmed, its requirements settled, arrived, treated, done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from scheduler.demo import answers, requirements
from scheduler.demo.stories import Story
from scheduler.demo.timeline import Happening
from scheduler.demo.world import World
from scheduler.domain.localtime import local_on
from scheduler.domain.status import Response, Stage
from scheduler.models.appointment import Appointment
from scheduler.models.user import StaffRole
from scheduler.services.visit import visits

STAGES = {"infusion": Stage.INFUSING, "dosing": Stage.INFUSING, "observation": Stage.OBSERVING}
RECENT = timedelta(days=14)  # before that, no one asks who had confirmed
CONFIRMED = 0.75  # of those that the patient sees


def live(world: World, story: Story, appointment: Appointment) -> None:
    """Put everything that happens to a visit on the timeline. A visit that is moved meanwhile lives again."""
    requirements.plan_sessions(world, story, appointment)
    dice = story.random(f"visit {appointment.action} {appointment.schedule_version}")
    recent = appointment.start_at > world.now - RECENT
    if appointment.visible and recent and dice.random() < CONFIRMED:
        asked = appointment.start_at - timedelta(hours=dice.randint(20, 46))
        _plan(world, appointment, asked, lambda now: _confirm(world, appointment, now))
    early, late = timedelta(minutes=dice.randint(2, 14)), timedelta(minutes=dice.randint(0, 8))
    if local_on(appointment.start_at, world.cast.clinic.zone) == world.lively_on and appointment.visible:
        _plan(world, appointment, appointment.start_at - early, lambda now: _arrive(world, appointment, now))
    _plan(world, appointment, appointment.start_at, lambda now: _check_in(world, appointment, now))
    _plan_stages(world, appointment)
    _plan(world, appointment, appointment.end_at + late, lambda now: _fulfill(world, story, appointment, now))


def _plan_stages(world: World, appointment: Appointment) -> None:
    """Let the board of the lively day show who is where. Before that day no one asks."""
    if local_on(appointment.start_at, world.cast.clinic.zone) != world.lively_on:
        return
    start = appointment.start_at - appointment.lead
    for phase in appointment.phases:
        if (stage := STAGES.get(phase["name"])) is not None:
            _plan(world, appointment, start, _staging(world, appointment, stage))
        start += timedelta(minutes=phase["minutes"])


def _staging(world: World, appointment: Appointment, stage: Stage) -> Happening:
    return lambda now: _set_stage(world, appointment, stage, now)


def _plan(world: World, appointment: Appointment, at: datetime, step: Callable[[datetime], None]) -> None:
    """Put a step on the timeline that is taken only while the visit stands as it does now."""
    version = appointment.schedule_version

    def happens(now: datetime) -> None:
        if appointment.schedule_version == version and appointment.status.is_live:
            step(now)

    world.timeline.add(at, happens)


def _confirm(world: World, appointment: Appointment, now: datetime) -> None:
    if appointment.response is Response.NEEDS_ACTION:
        visits.confirm(world.session, world.cast.patient(), appointment, now)


def _arrive(world: World, appointment: Appointment, now: datetime) -> None:
    visits.arrive(world.session, world.cast.actor(StaffRole.FRONT_DESK), appointment, now)


def _check_in(world: World, appointment: Appointment, now: datetime) -> None:
    requirements.settle_all(world, appointment, now)
    visits.check_in(world.session, world.cast.actor(StaffRole.NURSE), appointment, now)


def _set_stage(world: World, appointment: Appointment, stage: Stage, now: datetime) -> None:
    visits.set_stage(world.session, world.cast.actor(StaffRole.NURSE), appointment, stage, now)


def _fulfill(world: World, story: Story, appointment: Appointment, now: datetime) -> None:
    visits.fulfill(world.session, world.cast.actor(StaffRole.NURSE), appointment, now)
    requirements.settle_by_visit(world, story, appointment, now)
    answers.plan_check_in(world, story, appointment, now)
    world.told["visits done"] += 1
