"""What the demo's patients answer on their page: who drives them, how they are the day after, what they ask for."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select

from scheduler.demo.stories import Story
from scheduler.demo.timeline import Happening
from scheduler.demo.world import World
from scheduler.domain.status import EXPECTED, AppointmentStatus
from scheduler.models.appointment import Appointment
from scheduler.models.task import Task, TaskKind, open_of
from scheduler.models.user import StaffRole
from scheduler.models.visit_answer import check_in_of
from scheduler.models.waitlist import Priority
from scheduler.notify.words import LANGUAGES
from scheduler.services.patient import patient_answers, patient_requests, self_service
from scheduler.services.task import tasks
from scheduler.services.waitlist import entries
from scheduler.services.waitlist.entries import WaitWishes

DRIVERS = ("Sam", "Alex", "Robin", "Kim", "my sister", "my neighbor")
ANSWERED = 0.75  # of the check-ins
NOTES = ("", "", "", "", "slept well", "a bit dizzy in the evening", "a calm day")
CALLED = "Called: a bad night, safe now, will come on the agreed day."
UNWELL = {
    "little_interest": "3",
    "feeling_down": "3",
    "mood": "1",
    "note": "I did not sleep and feel hopeless",
    "urgent": "yes",
}
WAITING = 12  # patients who would come earlier
ASKED = 3  # requests that wait at the desk when the demo is loaded


def tell_driver(world: World, story: Story, appointment: Appointment, now: datetime) -> None:
    """Let the patient name who takes them home, which settles the visit's driver requirement."""
    dice = story.random(f"driver {appointment.action}")
    phone = f"+1 212 555 {dice.randint(200, 299):04}"
    actor, name = world.cast.patient(), dice.choice(DRIVERS)
    patient_answers.tell_driver(world.session, actor, appointment, now, True, name, phone)


def plan_check_in(world: World, story: Story, appointment: Appointment, now: datetime) -> None:
    """Let most patients say, the day after a treatment, how they are: better as the course goes on."""
    dice = story.random(f"check-in {appointment.action}")
    if appointment.kind not in world.cast.clinic.settings.check_in_kinds or dice.random() > ANSWERED:
        return
    better = 0.45 * (appointment.position or 1)
    answers = {
        "little_interest": round(min(3.0, max(0.0, dice.gauss(2.3 - better, 0.5)))),
        "feeling_down": round(min(3.0, max(0.0, dice.gauss(2.1 - better, 0.5)))),
        "mood": round(min(10.0, max(0.0, dice.gauss(4 + 2 * better, 0.9)))),
    }
    told = {name: str(number) for name, number in answers.items()} | {"note": dice.choice(NOTES)}

    def happens(at: datetime) -> None:
        patient_answers.check_in(world.session, world.cast.patient(), appointment, at, told)
        task = open_of(world.session, TaskKind.ANSWER, appointment.id)
        if task is not None:
            world.timeline.add(at + timedelta(minutes=dice.randint(5, 50)), _called(world, task))

    world.timeline.add(now + timedelta(hours=dice.randint(16, 30)), happens)


def _called(world: World, task: Task) -> Happening:
    """Let a nurse take a task and call the patient."""

    def happens(at: datetime) -> None:
        nurse = world.cast.actor(StaffRole.NURSE)
        tasks.take(world.session, nurse, task, at)
        tasks.complete(world.session, nurse, task, CALLED, at + timedelta(minutes=10))

    return happens


def leave_a_task(world: World) -> None:
    """Let one patient have answered lately that someone should call."""
    query = select(Appointment).where(
        Appointment.clinic_id == world.cast.clinic.id,
        Appointment.status == AppointmentStatus.FULFILLED,
        Appointment.kind.in_(world.cast.clinic.settings.check_in_kinds),
        Appointment.end_at < world.now - patient_answers.ASKED_FROM,
        Appointment.end_at > world.now - timedelta(days=7),
    )
    for appointment in world.session.scalars(query.order_by(Appointment.end_at.desc(), Appointment.id)):
        if check_in_of(world.session, appointment) is None:
            at = world.now - timedelta(minutes=25)
            patient_answers.check_in(world.session, world.cast.patient(), appointment, at, UNWELL)
            world.told["answers that need a person"] += 1
            return


def ask_for_other_times(world: World) -> None:
    """Leave a few requests at the desk: other times that fit, and one patient who wants to be called.

    Where one can ask, patients of each language that mails are written in come first.
    """
    query = select(Appointment).where(
        Appointment.clinic_id == world.cast.clinic.id,
        Appointment.status == AppointmentStatus.BOOKED,
        Appointment.visible,
        Appointment.start_at > world.now + timedelta(days=3),
        Appointment.care_plan_id.is_not(None),
    )
    ahead = world.session.scalars(query.order_by(Appointment.start_at, Appointment.id)).all()
    in_language = {one: [visit for visit in ahead if visit.patient.language == one] for one in LANGUAGES}
    asked: set[int] = set()
    for appointments in (*in_language.values(), *[ahead] * ASKED):
        for appointment in appointments if len(asked) < ASKED else ():
            if appointment.patient_id not in asked and _ask(world, appointment, call=len(asked) == ASKED - 1):
                asked.add(appointment.patient_id)
                world.told["asked for another time"] += 1
                break


def wait_for_earlier_times(world: World) -> None:
    """Let some patients wait for an earlier infusion or session, one of them urgently."""
    session, actor, now = world.session, world.cast.actor(StaffRole.FRONT_DESK), world.now
    query = select(Appointment).where(
        Appointment.clinic_id == actor.clinic.id,
        Appointment.status.in_(EXPECTED),
        Appointment.dosing_gap_days.is_not(None),
        Appointment.start_at > now + timedelta(days=2),
        Appointment.start_at < now + timedelta(days=16),
    )
    waiting: set[int] = set()
    for appointment in session.scalars(query.order_by(Appointment.start_at, Appointment.id)):
        if appointment.patient_id in waiting or len(waiting) == WAITING:
            continue
        waiting.add(appointment.patient_id)
        first = len(waiting) == 1
        wishes = WaitWishes(
            notice_hours=(0, 4, 24)[len(waiting) % 3],
            priority=Priority.URGENT if first else Priority.NORMAL,
            reason="Symptoms are worse; prescriber asks for a sooner visit" if first else "",
        )
        entries.wait_for_earlier(session, actor, appointment, wishes, now - timedelta(hours=len(waiting)))
        world.told["waiting for an earlier time"] += 1


def _ask(world: World, appointment: Appointment, *, call: bool) -> bool:
    session, actor, now = world.session, world.cast.patient(), world.now
    if not self_service.choices(session, actor.clinic, appointment, now).move:
        return False
    if call:
        self_service.ask(session, actor, appointment, now, note="I start a new job that week")
        return True
    starts = patient_requests.starts(session, actor, appointment, now)
    if starts:
        self_service.ask(session, actor, appointment, now, starts[0])
    return bool(starts)
