"""Visits months ahead: most are booked two weeks before they are best, some are forgotten and wait for the desk."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from scheduler.demo import visits as lives
from scheduler.demo.stories import Story
from scheduler.demo.world import World
from scheduler.domain.localtime import local_on
from scheduler.domain.status import CarePlanStatus
from scheduler.errors import NoFitFound, RuleBroken
from scheduler.models.appointment import Appointment, appointments_of
from scheduler.models.care_plan import CarePlan
from scheduler.models.user import StaffRole
from scheduler.services.course import boosters
from scheduler.services.planning.courses import is_projected

BOOKED = 0.7  # of those that are proposed
TWO_WEEKS = timedelta(days=14)
DAYS, HOURS = range(6), (9, 11, 13, 15, 10, 14)  # tried in this order until one fits


def plan(world: World, story: Story, care_plan: CarePlan) -> None:
    """Put on the timeline when each proposed visit of a course is booked, if it is."""
    for appointment in appointments_of(care_plan):
        if is_projected(appointment) and story.random(f"book {appointment.action}").random() < BOOKED:
            _plan(world, story, appointment)


def _plan(world: World, story: Story, appointment: Appointment) -> None:
    def happens(now: datetime) -> None:
        active = appointment.care_plan is not None and appointment.care_plan.status is CarePlanStatus.ACTIVE
        if active and is_projected(appointment):
            _book(world, story, appointment, now)

    world.timeline.add(appointment.start_at - TWO_WEEKS, happens)


def _book(world: World, story: Story, appointment: Appointment, now: datetime) -> None:
    first = local_on(appointment.start_at, world.cast.clinic.zone)
    for days in DAYS:
        for hour in HOURS:
            start = world.at(first + timedelta(days=days), time(hour))
            try:
                desk = world.cast.actor(StaffRole.FRONT_DESK)
                boosters.book_proposed(world.session, desk, appointment, start, now)
            except (NoFitFound, RuleBroken):
                continue
            world.told["boosters booked"] += 1
            lives.live(world, story, appointment)
            return
