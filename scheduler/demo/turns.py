"""What does not go as planned: a visit missed, cancelled or moved, a course stopped, paused or completed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from sqlalchemy import select

from scheduler.demo import visits as lives
from scheduler.demo.silence import silence
from scheduler.demo.stories import Story, Turn
from scheduler.demo.world import World
from scheduler.errors import Invalid, NoFitFound, RuleBroken, SlotTaken
from scheduler.models.appointment import Appointment, appointments_of
from scheduler.models.care_plan import CarePlan
from scheduler.models.user import StaffRole
from scheduler.services.actors import Actor
from scheduler.services.course import careplans, make_ups
from scheduler.services.visit import moves, visits

DAY = timedelta(days=1)
MIDDAY = time(12)
MINUTES = (60, -60, 90, 120, -120, 24 * 60, -24 * 60, 25 * 60, 23 * 60)  # by which a visit may be moved


@dataclass(frozen=True)
class CourseStory:
    """A course with its story; `standing` are its booked visits, in order of start."""

    world: World
    story: Story
    care_plan: CarePlan
    standing: Sequence[Appointment]

    @property
    def seen(self) -> list[Appointment]:
        """The visits of a series that the patient sees."""
        return [one for one in self.standing if one.visible and one.series]

    def by(self, role: StaffRole) -> Actor:
        return self.world.cast.actor(role)

    def silence(self, now: datetime) -> None:
        silence(self.world.session, self.world.cast.clinic, now)


def take(case: CourseStory) -> Appointment | None:
    """Put the story's turn on the timeline; return the visit that will be missed, if one will."""
    if case.story.turn is Turn.MISSES_ONE:
        return _misses(case)
    turn = TURNS.get(case.story.turn)
    if turn is not None:
        turn(case)
    return None


def _misses(case: CourseStory) -> Appointment | None:
    world = case.world
    past = [one for one in case.seen if one.start_at < world.now - 2 * DAY]
    if not past:
        return None
    missed = past[-1]

    def happens(now: datetime) -> None:
        visits.mark_noshow(world.session, case.by(StaffRole.FRONT_DESK), missed, now, "did not come")
        world.told["no-shows"] += 1
        if case.story.index % 2:
            _make_up(case, missed, now + timedelta(hours=2))

    world.timeline.add(missed.start_at + timedelta(minutes=35), happens)
    return missed


def _make_up(case: CourseStory, missed: Appointment, at: datetime) -> None:
    """Make up for the missed visit; what follows moves as far as the spacing asks for."""

    def happens(now: datetime) -> None:
        session, actor = case.world.session, case.by(StaffRole.FRONT_DESK)
        try:
            planned = make_ups.plan_make_up(session, actor, missed, now)
        except NoFitFound:
            return
        make_ups.book_make_up(session, actor, planned, now)
        off = [gone.id for gone, _ in planned.stand_ins]
        again = session.scalars(select(Appointment).where(Appointment.replaces_id.in_(off)))
        case.world.told["rescheduled"] += 1
        for appointment in (*again, *(move.appointment for move in planned.moves)):
            lives.live(case.world, case.story, appointment)

    case.world.timeline.add(at, happens)


def _cancels(case: CourseStory) -> None:
    """Cancel the visit nearest to the lively day, a day before it."""
    world = case.world
    midday = world.at(world.lively_on, MIDDAY)
    nearest = min(case.seen, key=lambda one: abs(one.start_at - midday))

    def happens(now: datetime) -> None:
        if nearest.status.is_ahead and nearest.start_at > now:
            case.silence(now)
            visits.cancel(
                world.session, case.by(StaffRole.FRONT_DESK), [nearest], now, "feels unwell", "patient"
            )
            world.told["cancelled"] += 1

    world.timeline.add(world.past(nearest.start_at - timedelta(hours=21)), happens)


def _moves(case: CourseStory) -> None:
    """Move the first visit that is at least a day ahead and that can be moved, by as little as fits."""

    def happens(now: datetime) -> None:
        case.silence(now)
        soon = case.world.now + DAY
        for appointment in (one for one in case.seen if one.status.is_ahead and one.start_at > soon):
            if _move(case, appointment, now):
                return

    case.world.timeline.add(case.world.now - timedelta(hours=3), happens)


def _move(case: CourseStory, appointment: Appointment, now: datetime) -> bool:
    session, actor = case.world.session, case.by(StaffRole.FRONT_DESK)
    for minutes in MINUTES:
        start = appointment.start_at + timedelta(minutes=minutes)
        try:
            planned = moves.plan_move(session, actor, appointment, start, now)
        except (Invalid, NoFitFound, RuleBroken, SlotTaken):
            continue
        moves.apply_moves(session, actor, planned, now, "asked for another time")
        case.world.told["moved"] += 1
        lives.live(case.world, case.story, appointment)
        return True
    return False


def _quits(case: CourseStory) -> None:
    middle = case.standing[len(case.standing) // 2]

    def happens(now: datetime) -> None:
        case.silence(now)
        actor = case.by(StaffRole.MANAGER)
        careplans.revoke(case.world.session, actor, case.care_plan, now, "moves to another city", "patient")
        case.world.told["stopped"] += 1

    case.world.timeline.add(case.world.past(middle.end_at + timedelta(hours=20), DAY), happens)


def _pauses(case: CourseStory) -> None:
    def happens(now: datetime) -> None:
        case.silence(now)
        actor = case.by(StaffRole.MANAGER)
        careplans.hold(case.world.session, actor, case.care_plan, now, "away for three weeks")
        case.world.told["on hold"] += 1

    case.world.timeline.add(case.world.now - 2 * DAY, happens)


def _completes(case: CourseStory) -> None:
    def happens(now: datetime) -> None:
        left = [
            one for one in appointments_of(case.care_plan) if one.status.is_expected and one.start_at > now
        ]
        if not left:
            careplans.complete(case.world.session, case.by(StaffRole.MANAGER), case.care_plan, now)
            case.world.told["completed"] += 1

    case.world.timeline.add(case.standing[-1].end_at + DAY, happens)


TURNS: dict[Turn, Callable[[CourseStory], None]] = {
    Turn.CANCELS_ONE: _cancels,
    Turn.MOVES_ONE: _moves,
    Turn.QUITS: _quits,
    Turn.PAUSES: _pauses,
    Turn.COMPLETES: _completes,
}
