"""A patient's course: asked for, planned, booked, and what follows from its beginning."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta

from scheduler.demo import boosters, turns, visits
from scheduler.demo.patients import Fields, fields_of
from scheduler.demo.requirements import settle_at_booking
from scheduler.demo.stories import Story, Turn
from scheduler.demo.turns import CourseStory
from scheduler.demo.world import World
from scheduler.domain.localtime import local_on
from scheduler.domain.planner.values import Proposal
from scheduler.errors import NoFitFound
from scheduler.models.appointment import appointments_of
from scheduler.models.care_plan import CarePlan
from scheduler.models.patient import Patient
from scheduler.models.user import StaffRole
from scheduler.services.clinic import plans
from scheduler.services.course import booking
from scheduler.services.patient import patients
from scheduler.services.planning import proposals
from scheduler.services.planning.wishes import CourseRequest

AT_LOADING = (Turn.RESERVES, Turn.BOOKS_NOW, Turn.ONLY_ASKED)
LATER = (0, 2, 5, 9, 14, 21)  # days by which a course may begin later when nothing fits
RESERVED_FOR = timedelta(hours=20)


def tell(world: World, story: Story, names: Sequence[Fields], seed: int) -> None:
    """Put the beginning of a story on the timeline."""

    def begins(now: datetime) -> None:
        fields = fields_of(names, story.index, seed, world.lively_on)
        patient = patients.create(world.session, world.cast.actor(StaffRole.FRONT_DESK), fields, now)
        world.told["patients"] += 1
        if story.turn is not Turn.ONLY_ASKED:
            _book(world, story, patient, now)

    world.timeline.add(_asked_at(world, story), begins)


def _asked_at(world: World, story: Story) -> datetime:
    """Return when the desk books the course: on a weekday between nine and five, or now."""
    if story.turn in AT_LOADING:
        return world.now
    dice = story.random("asked")
    day = world.lively_on + timedelta(days=story.begins - story.lead)
    day -= timedelta(days=max(0, day.isoweekday() - 5))
    at = world.at(day, time(dice.randint(9, 16), dice.randint(0, 59)))
    return world.past(at, timedelta(minutes=dice.randint(5, 55)))


def _book(world: World, story: Story, patient: Patient, now: datetime) -> None:
    try:
        wishes, proposal = _planned(world, story, patient, now)
    except NoFitFound:
        world.told["without a free time"] += 1  # more patients than the clinic has room for
        return
    desk = world.cast.actor(StaffRole.FRONT_DESK)
    reserve = int(RESERVED_FOR.total_seconds()) // 60 if story.turn is Turn.RESERVES else None
    care_plan = booking.book_course(
        world.session, desk, wishes, proposal.visits, proposal.projections, now, reserve_minutes=reserve
    )
    world.told["courses"] += 1
    if story.turn is not Turn.RESERVES:
        _go_on(world, story, care_plan, now)


def _go_on(world: World, story: Story, care_plan: CarePlan, now: datetime) -> None:
    settle_at_booking(world, story, care_plan, now)
    boosters.plan(world, story, care_plan)
    standing = sorted(
        (one for one in appointments_of(care_plan) if one.status.is_live),
        key=lambda one: (one.start_at, one.id),
    )
    missed = turns.take(CourseStory(world, story, care_plan, standing))
    for appointment in standing:
        if appointment is not missed:
            visits.live(world, story, appointment)


def _planned(world: World, story: Story, patient: Patient, now: datetime) -> tuple[CourseRequest, Proposal]:
    """Return the first wishes that fit, and the best course for them. Raises NoFitFound when none do."""
    actor = world.cast.actor(StaffRole.FRONT_DESK)
    refused: NoFitFound | None = None
    for wishes in _wishes(world, story, patient, local_on(now, world.cast.clinic.zone)):
        try:
            return wishes, proposals.propose(world.session, actor, wishes, now)[0]
        except NoFitFound as refusal:
            refused = refusal
    assert refused is not None  # noqa: S101  (there is always a first wish)
    raise refused


def _wishes(world: World, story: Story, patient: Patient, today: date) -> Iterator[CourseRequest]:
    definition = plans.current(world.session, world.cast.clinic, story.plan)
    first = max(today, world.lively_on + timedelta(days=story.begins))
    plain = CourseRequest(patient, definition, first, preferred=story.preferred, count=1)
    if story.mornings:
        yield replace(plain, latest=time(13), preferred=time(9))
    for days in LATER:
        yield replace(plain, not_before=first + timedelta(days=days))
