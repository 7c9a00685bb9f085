"""A clinic in plain Python: rooms, therapists and patients, visits of fifty minutes, hours, and what is closed.

What the services do to a database is compared with it step by step (clinic_machine.py). It knows no tables: only who is
where from when to when, which steps a visit has behind it, and what each step asks for.
"""

from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

LENGTH = timedelta(minutes=50)
OPENS, CLOSES = time(8), time(18)  # on working days
ZONE = ZoneInfo("America/New_York")
AHEAD = ("booked",)
LIVE = ("booked", "arrived", "checked-in", "fulfilled")
KEEPING = LIVE  # a visit that is done still has had its time
FROM = {  # in which statuses a step may be taken, and where it leads
    "confirm": (("booked",), None),
    "arrive": (("booked",), "arrived"),
    "check-in": (("booked", "arrived"), "checked-in"),
    "fulfill": (("checked-in", "arrived"), "fulfilled"),
    "no-show": (("booked", "arrived"), "noshow"),
    "cancel": (("booked", "arrived"), "cancelled"),
    "reschedule": (("booked",), None),
}
RELEASING = ("cancel", "no-show")


@dataclass
class Step:
    """What was done, and how the visit was before."""

    kind: str
    status: str
    response: str
    place: tuple[str, str, datetime]  # room, therapist, start


@dataclass
class Visit:
    patient: str
    room: str
    therapist: str
    start: datetime
    status: str = "booked"
    response: str = "needs-action"
    sequence: int = 0
    schedule_version: int = 1
    steps: list[Step] = field(default_factory=list)
    events: list[str] = field(default_factory=lambda: ["book"])

    @property
    def end(self):
        return self.start + LENGTH

    @property
    def place(self):
        return self.room, self.therapist, self.start

    def note(self, kind):
        self.steps.append(Step(kind, self.status, self.response, self.place))
        self.events.append(kind)


@dataclass
class ClinicModel:
    rooms: tuple[str, ...]
    therapists: tuple[str, ...]
    now: datetime
    visits: dict[str, Visit] = field(default_factory=dict)
    closures: dict[str, tuple[str | None, datetime, datetime]] = field(default_factory=dict)

    def may_be_booked(self, patient, room, start):
        people = [one for one in self.therapists if self.is_open(one, start)]
        return (
            self.is_in_hours(start)
            and self.is_open(room, start)
            and self.is_free(room, start)
            and self.is_free(patient, start)
            and any(self.is_free(one, start) for one in people)
        )

    def book(self, key, patient, room, therapist, start):
        self.visits[key] = Visit(patient, room, therapist, start)

    def may_be_moved(self, key, start):
        return self.may_step(key, "reschedule") and bool(self.places_for(key, start))

    def places_for(self, key, start):
        """Return the rooms and therapists that a visit may get there; its own ones alone where they are free."""
        visit = self.visits[key]
        if not self.is_in_hours(start) or not self.is_free(visit.patient, start, key):
            return set()
        free = {
            (room, therapist)
            for room in self.rooms
            for therapist in self.therapists
            if all(self.is_open(one, start) and self.is_free(one, start, key) for one in (room, therapist))
        }
        own = {(visit.room, visit.therapist)}
        return own if own <= free else free

    def move(self, key, room, therapist, start):
        visit = self.visits[key]
        visit.note("reschedule")
        self._put(visit, (room, therapist, start), "needs-action")

    def may_step(self, key, kind):
        visit = self.visits[key]
        if kind == "no-show" and self.now < visit.start:
            return False
        if kind == "reschedule" and visit.start <= self.now:
            return False
        today, day = (moment.astimezone(ZONE).date() for moment in (self.now, visit.start))
        if kind in ("arrive", "check-in") and today != day:
            return False
        if kind == "fulfill" and today > day and visit.status == "booked":
            return True  # entered later
        return visit.status in FROM[kind][0]

    def step(self, key, kind):
        visit = self.visits[key]
        visit.note(kind)
        visit.status = FROM[kind][1] or visit.status
        if kind == "confirm":
            visit.response = "accepted"
        if kind in RELEASING:
            visit.schedule_version += 1
        if kind == "cancel":
            visit.sequence += 1

    def may_be_undone(self, key, kind):
        visit = self.visits[key]
        if not visit.steps or visit.steps[-1].kind != kind:
            return False
        room, therapist, start = visit.steps[-1].place
        is_free = all(self.is_free(one, start, key) for one in (room, therapist, visit.patient))
        if kind == "reschedule":
            return visit.events[-1] == kind and min(start, visit.start) > self.now and is_free
        return is_free if kind in RELEASING else True

    def undo(self, key):
        visit = self.visits[key]
        step = visit.steps.pop()
        visit.events.append("undo")
        if step.kind == "reschedule":
            self._put(visit, step.place, step.response)
            return
        visit.status, visit.response = step.status, step.response
        visit.schedule_version += step.kind in RELEASING
        visit.sequence += step.kind == "cancel"

    def close(self, key, what, start, end):
        self.closures[key] = (what, start, end)

    def affected(self, what, start, end):
        """Return the visits that a closure touches."""
        return {
            key
            for key, visit in self.visits.items()
            if visit.status in KEEPING
            and (what is None or what in (visit.room, visit.therapist))
            and visit.start < end
            and visit.end > start
        }

    def is_in_hours(self, start):
        local, end = start.astimezone(ZONE), (start + LENGTH).astimezone(ZONE)
        working = local.isoweekday() <= 5 and local.time() >= OPENS and end.time() <= CLOSES
        return start >= self.now and working

    def is_open(self, what, start):
        return not any(
            closed in (None, what) and begins < start + LENGTH and ends > start
            for closed, begins, ends in self.closures.values()
        )

    def is_free(self, what, start, leaving=None):
        return not any(
            what in (visit.room, visit.therapist, visit.patient)
            and visit.status in KEEPING
            and key != leaving
            and visit.start < start + LENGTH
            and visit.end > start
            for key, visit in self.visits.items()
        )

    def taken(self):
        """Return who is taken from when to when, once for each visit."""
        return sorted(
            (what, visit.start, visit.end)
            for visit in self.visits.values()
            if visit.status in KEEPING
            for what in (visit.room, visit.therapist, visit.patient)
        )

    def _put(self, visit, place, response):
        retimed = visit.start != place[2]
        visit.sequence += visit.place != place
        visit.room, visit.therapist, visit.start = place
        if retimed:
            visit.schedule_version += 1
            visit.response = response
