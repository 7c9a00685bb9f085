"""A year in fast forward: thousands of visits in six zones, with clock changes, outages, moves and cancellations.

Time jumps from one due row to the next; the services that the dispatch tick uses do the work, and a list stands in for
the wire. What was sent is then judged by rules written here anew: when each mail may leave, and how often.
"""

import random
import time as stopwatch
from collections import Counter, deque
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete, func, select

from scheduler.database import begin_write
from scheduler.domain.message_reasons import MessageReason
from scheduler.domain.status import AppointmentStatus
from scheduler.models.appointment import Appointment
from scheduler.models.message import Message, MessageKind, MessageState
from scheduler.models.patient import Patient
from scheduler.models.reminder import Reminder, ReminderState
from scheduler.models.schedule import ScheduleHours
from scheduler.services.mail import delivery, due, leases, message_ends, outbox, reminders
from scheduler.services.mail.letters import Letter, Letterhead, compose, read_batch
from tests.cast import add_patient, found
from tests.chaos.report import tell
from tests.chaos.settings import FULL, SEED, rounds, short_on
from tests.engines import SECRET_KEY

ZONES = (
    "America/New_York",
    "America/Santiago",  # its clocks change at midnight
    "Europe/Berlin",
    "Asia/Kolkata",
    "Australia/Sydney",
    "Australia/Lord_Howe",  # by half an hour
)
START = datetime(2026, 1, 5, tzinfo=UTC)
DAYS = 365
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
TICK = timedelta(seconds=5)
HEAD = Letterhead("https://seriate.example", (SECRET_KEY,), "Seriate <clinic@seriate.example>")
SOONEST = select(
    select(func.min(Reminder.due_at)).where(Reminder.state == ReminderState.PENDING).scalar_subquery(),
    select(func.min(Message.due_at)).where(Message.state == MessageState.PENDING).scalar_subquery(),
)


@short_on("sqlite")
@pytest.mark.parametrize("zone_name", ZONES if FULL else ZONES[:1])
def test_a_year(engine_name, session, zone_name):
    number = rounds(30, 3000)
    began, worked = stopwatch.monotonic(), stopwatch.process_time()
    clinic = found(session, "year", "Year Clinic", zone_name)
    session.execute(delete(ScheduleHours))  # its visits are at any hour: without hours it is always open
    chance = random.Random(f"{SEED}{zone_name}")
    year = Year(session, clinic, chance, number)
    year.run()
    wrong, sent = year.judge()
    planted = Year.blame_without_quiet_hours(sent, clinic.clinic.zone)
    figures = {
        "visits": number,
        "mails": len(year.sent),
        "reminders sent": len(sent),
        "wrong": len(wrong),
        "duplicate": year.duplicates(),
        "pending for the past": year.pending(),
        "seconds": round(stopwatch.monotonic() - began),
        "seconds of the processor": round(stopwatch.process_time() - worked),
    }
    tell(
        f"year-{zone_name.rpartition('/')[2].lower()}",
        engine_name,
        figures,
        {"bug": "no quiet hours", "wrong": planted},
    )

    assert wrong == []
    assert (year.duplicates(), year.pending()) == (0, 0)
    assert planted > 0


class Year:
    """The visits of a year, and a clock that runs through it."""

    def __init__(self, session, cast, chance, number):
        self.session, self.cast, self.chance = session, cast, chance
        self.zone = ZoneInfo(cast.clinic.zone_name)
        self.now = START
        self.sent = []
        self.visits = {}  # the ids of those that are booked, by their number
        self.changes = deque(sorted(self._bookings(number), key=lambda change: change[0]))
        self._end()
        self.outages = [
            (begin, begin + timedelta(hours=chance.uniform(0.2, 60)))
            for begin in (START + timedelta(days=chance.uniform(1, DAYS)) for _ in range(12))
        ]

    def _bookings(self, number):
        """Yield what people do and when: book, then perhaps move or cancel."""
        for who in range(max(number // 15, 3)):
            email = f"p{who}@example.org"
            add_patient(self.session, self.cast, f"P{who}", "Year", email=email, email_ok=True)
        patients = [patient.id for patient in self.cast.patients.values()]
        self.cast.patients.clear()  # a row that is held here is read anew by the session after each commit
        for visit in range(number):
            start = self._some_start()
            booked = start - timedelta(hours=self.chance.uniform(1, 600))
            yield booked, self._book, (visit, self.chance.choice(patients), start)
            fate = self.chance.random()
            later = booked + (start - booked) * self.chance.random()
            if fate < 0.15:
                yield later, self._cancel, (visit,)
            elif fate < 0.35:
                yield later, self._move, (visit, self.chance.choice((-26, -3, 1, 24, 49)))

    def _some_start(self):
        on = START.date() + timedelta(days=self.chance.randrange(3, DAYS))
        clock = time(self.chance.randrange(0, 24), self.chance.choice((0, 15, 30, 45)))
        return datetime.combine(on, clock, tzinfo=self.zone).astimezone(UTC)

    def run(self):
        """Go through the year: every change, a tick for every due row, and none in an outage."""
        end = START + timedelta(days=DAYS + 30)
        while self.now < end:
            following = self._next()
            if following is None:
                return
            self.now = max(self.now + TICK, following)
            changed = False
            while self.changes and self.changes[0][0] <= self.now:
                _, change, arguments = self.changes.popleft()
                begin_write(self.session)
                change(*arguments)
                self._end()
                changed = True
            if not changed and not self._is_out():
                self._tick()

    def _end(self):
        """Commit, and note what is due next."""
        self.session.flush()
        self.due = tuple(self.session.connection().execute(SOONEST).one())
        self.session.commit()

    def _next(self):
        waiting = [*self.due, self.changes[0][0] if self.changes else None]
        soonest = min((one for one in waiting if one is not None), default=None)
        over = [end for begin, end in self.outages if begin <= self.now < end]
        if soonest is not None and over and soonest <= self.now:
            return min([max(over), *([self.changes[0][0]] if self.changes else [])])
        return soonest

    def _is_out(self):
        return any(begin <= self.now < end for begin, end in self.outages)

    def _tick(self):
        begin_write(self.session)
        message_ends.expire(self.session, self.now)
        while due.collect(self.session, self.now):
            pass
        ids = [message.id for message in leases.claim(self.session, f"{self.now}", self.now, 500)]
        batch = read_batch(self.session, ids)
        for message in batch.messages:
            letter = compose(self.session, message, HEAD, self.now)
            if not isinstance(letter, Letter):
                delivery.not_sent(self.session, letter, self.now)
            elif delivery.pass_sending_check(self.session, letter, self.now):
                self.sent.append(letter.rfc_message_id)
                delivery.accepted(self.session, letter, "250 ok", self.now)
            else:
                delivery.refused_by_sending_check(self.session, letter, self.now)
        self._end()

    def _book(self, number, patient_id, start):
        patient = self.session.get_one(Patient, patient_id)
        visit = Appointment(
            clinic_id=self.cast.clinic.id,
            patient_id=patient.id,
            action=f"a-{number}",
            kind="infusion",
            title="Infusion",
            status=AppointmentStatus.BOOKED,
            start_at=start,
            end_at=start + 2 * HOUR,
            local_start=start.astimezone(self.zone).replace(tzinfo=None),
            zone_name=self.cast.clinic.zone_name,
            phases=[],
            changed_at=self.now,
            created_at=self.now,
        )
        self.session.add(visit)
        reminders.plan_for(self.session, self.cast.clinic, [visit], self.now)
        outbox.tell(self.session, self.cast.clinic, [visit], self.now)
        self.visits[number] = visit.id

    def _visit(self, number):
        visit = self.session.get_one(Appointment, self.visits[number])
        return visit if visit.start_at > self.now else None

    def _cancel(self, number):
        if visit := self._visit(number):
            visit.status = AppointmentStatus.CANCELLED
            visit.schedule_version += 1
            reminders.void_for(self.session, [visit], MessageReason.CANCELED)
            outbox.tell(self.session, self.cast.clinic, [visit], self.now)

    def _move(self, number, hours):
        visit = self._visit(number)
        if visit and visit.start_at + hours * HOUR > self.now:
            visit.start_at += hours * HOUR
            visit.end_at += hours * HOUR
            visit.schedule_version += 1
            reminders.void_for(self.session, [visit], MessageReason.MOVED)
            reminders.plan_for(self.session, self.cast.clinic, [visit], self.now)
            outbox.tell(self.session, self.cast.clinic, [visit], self.now)

    def judge(self):
        """Return what is wrong with the reminders that were sent, and those with their times."""
        query = (
            select(Reminder, Appointment, Message)
            .join(Appointment, Appointment.id == Reminder.appointment_id)
            .join(Message, Message.id == Reminder.message_id)
            .where(Reminder.state == ReminderState.SENT, Message.kind == MessageKind.REMINDER)
        )
        rows = [
            (reminder.rule, reminder.expires_at, message.data_at, message.id)
            for reminder, _, message in self.session.execute(query)
        ]
        urgent = {mail for _, start, left, mail in rows if self._had_no_choice(start, left)}
        return [fault for row in rows if (fault := self._fault(*row, urgent))], rows

    def _fault(self, rule, start, left, mail, urgent):
        """Say what is wrong with a reminder. One may come in the night with another that cannot wait, in one mail."""
        local = left.astimezone(self.zone).time()
        if left >= start:
            return "after the start", rule, start, left
        if (local >= time(21) or local < time(8)) and mail not in urgent:
            return "in the quiet hours", rule, start, left
        return None

    def _had_no_choice(self, start, left):
        """After an outage a mail may leave in the night when the morning would leave less than half of the time."""
        morning = datetime.combine(left.astimezone(self.zone).date(), time(8), tzinfo=self.zone)
        if left.astimezone(self.zone).time() >= time(21):
            morning += timedelta(days=1)
        return start - morning.astimezone(UTC) < (start - left) / 2

    @staticmethod
    def blame_without_quiet_hours(sent, zone):
        """Had each reminder left exactly at its lead time, so many would have come in the night."""
        wanted = [start - timedelta(hours=int(rule[7:-1])) for rule, start, _, _ in sent]
        nights = [one.astimezone(zone).time() for one in wanted]
        return sum(1 for local in nights if local >= time(21) or local < time(8))

    def duplicates(self):
        return sum(seen - 1 for seen in Counter(self.sent).values()) + sum(
            seen - 1 for seen in Counter(self._reminded()).values()
        )

    def _reminded(self):
        query = select(Reminder.appointment_id, Reminder.schedule_version, Reminder.rule)
        return [tuple(row) for row in self.session.execute(query.where(Reminder.state == ReminderState.SENT))]

    def pending(self):
        open_rows = select(func.count()).where(
            Reminder.state.in_((ReminderState.PENDING, ReminderState.QUEUED)), Reminder.expires_at <= self.now
        )
        open_mails = select(func.count()).where(
            Message.state.in_((MessageState.PENDING, MessageState.LEASED)), Message.expires_at <= self.now
        )
        return self.session.scalar(open_rows) + self.session.scalar(open_mails)
