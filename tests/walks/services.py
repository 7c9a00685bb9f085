"""How the steps of a walk are done: each is done whole, or raises Refusal and leaves nothing."""

from contextlib import contextmanager
from dataclasses import replace
from uuid import uuid4

from scheduler.database import begin_write
from scheduler.errors import Refusal
from scheduler.models.allocation import Allocation
from scheduler.models.appointment import Appointment
from scheduler.models.care_plan import CarePlan
from scheduler.models.patient import Patient
from scheduler.models.plan_definition import current
from scheduler.models.requirement import Requirement
from scheduler.services.clinic import places, schedules
from scheduler.services.course import booking, boosters, careplans, lengths, make_ups, protocol_change
from scheduler.services.patient import merging, patients
from scheduler.services.planning import proposals
from scheduler.services.transfer import imports_appointments
from scheduler.services.visit import moves, requirements, undo, visits
from tests.walks.clinic import placed, request
from tests.walks.oracle import REASON

IMPORT = "patient_id,plan_definition,action,status,start,location,practitioners"
STEPS = {
    "arrive": visits.arrive,
    "check-in": visits.check_in,
    "fulfill": visits.fulfill,
    "no-show": visits.mark_noshow,
}
# what a step may change: read again in the next one, as in a request of its own
FORGOTTEN = (Appointment, CarePlan, Patient, Requirement, Allocation)


class Services:
    """The services, each step within a savepoint of one transaction."""

    commits = False

    def __init__(self):
        self.actors = {}

    def begin(self, session):
        begin_write(session)
        self.actors.clear()

    def end(self, session):
        session.rollback()

    @contextmanager
    def step_of(self, walk):
        with walk.session.begin_nested():
            yield
            walk.session.flush()
        for row in list(walk.session):
            if isinstance(row, FORGOTTEN):
                walk.session.expire(row)

    def actor(self, walk):
        if walk.who not in self.actors:
            self.actors[walk.who] = walk.cast.actor(walk.who)
        return replace(self.actors[walk.who], operation=str(uuid4()))

    def plan_course(self, walk, patient, key, reserve):
        actor, wanted = self.actor(walk), request(walk.session, walk.cast, patient, key, walk.now.date())
        best = proposals.propose(walk.session, actor, wanted, walk.now)[0]
        booking.book_course(
            walk.session, actor, wanted, best.visits, best.projections, walk.now, walk.reason,
            reserve_minutes=reserve,
        )  # fmt: skip

    def give_course(self, walk, patient, key, starts):
        actor, wanted = self.actor(walk), request(walk.session, walk.cast, patient, key, walk.now.date())
        visits = placed(walk.session, actor, wanted, starts, walk.now)
        booking.book_course(walk.session, actor, wanted, visits, (), walk.now, walk.reason)

    def book(self, walk, patient, step, start, course):
        booking.book_visit(
            walk.session, self.actor(walk), patient, step, start, walk.now, care_plan=course,
            override_reason=walk.reason,
        )  # fmt: skip

    def move(self, walk, row, start, scope):
        actor = self.actor(walk)
        planned = moves.plan_move(
            walk.session, actor, row, start, walk.now, scope=scope, override_reason=walk.reason
        )
        moves.apply_moves(walk.session, actor, planned, walk.now, "asked for", override_reason=walk.reason)

    def cancel(self, walk, row, effect, notify):
        visits.cancel(
            walk.session, self.actor(walk), [row], walk.now, "ill", course_effect=effect,
            override_reason=walk.reason, notify=notify,
        )  # fmt: skip

    def take_back(self, walk, row):
        step = undo.latest_step(walk.session, row)
        if step is None:
            raise Refusal
        undo.undo(walk.session, self.actor(walk), row, step.kind, walk.now)

    def step(self, walk, row, step):
        if step == "confirm":
            visits.confirm(walk.session, self.actor(walk), row, walk.now)
            return
        STEPS[step](walk.session, self.actor(walk), row, walk.now, override_reason=walk.reason)

    def make_up(self, walk, row, start):
        actor = self.actor(walk)
        planned = make_ups.plan_make_up(
            walk.session, actor, row, walk.now, start, override_reason=walk.reason
        )
        make_ups.book_make_up(walk.session, actor, planned, walk.now, override_reason=walk.reason)

    def book_booster(self, walk, row, start):
        boosters.book_proposed(
            walk.session, self.actor(walk), row, start, walk.now, override_reason=walk.reason
        )

    def step_course(self, walk, course, step):
        getattr(careplans, step)(walk.session, self.actor(walk), course, walk.now)

    def change_protocol(self, walk, course, key, last):
        actor, definition = self.actor(walk), current(walk.session, walk.cast.clinic.id, key)
        planned = protocol_change.plan_change(walk.session, actor, course, definition, walk.now, last=last)
        protocol_change.apply_change(walk.session, actor, planned, "responds well", walk.now)

    def change_length(self, walk, course, minutes):
        actor = self.actor(walk)
        planned = lengths.change_length(
            walk.session, actor, course, "infusion", "infusion", minutes, walk.now
        )
        moves.apply_moves(walk.session, actor, planned, walk.now, "takes longer")

    def require(self, walk, row, how):
        appointment = walk.session.get(Appointment, row.appointment_id) if row.appointment_id else None
        course = walk.session.get(CarePlan, row.care_plan_id)
        about = (walk.session, self.actor(walk), course, row.key, walk.now, appointment)
        if how == "reopen":
            requirements.reopen(*about)
            return
        requirements.complete(*about, document="A 17", note=REASON, waived=how == "waive")

    def merge(self, walk, keep, other):
        merging.merge(walk.session, self.actor(walk), keep, other, {}, walk.now, reason=walk.reason)

    def admit(self, walk, name):
        patients.create(walk.session, self.actor(walk), {"given_name": name, "family_name": "Walk"}, walk.now)

    def leave(self, walk, patient, how):
        patients.update(walk.session, self.actor(walk), patient, {"active": how != "left"}, walk.now)

    def close(self, walk, location, start, end):
        resource = location.resource if location else None
        schedules.close(walk.session, self.actor(walk), start, end, walk.now, resource)

    def reopen(self, walk, closure):
        schedules.reopen(walk.session, self.actor(walk), closure, walk.now)

    def retire(self, walk, location, active):
        places.update_location(walk.session, self.actor(walk), location, {"active": active}, walk.now)

    def bring(self, walk, patient, key, starts):
        content = lines(patient, key, starts)
        actor = self.actor(walk)
        imports_appointments.write(walk.session, actor, content, walk.now, lambda *_: None, walk.reason)


def lines(patient, key, starts):
    """Return a course as the lines of a file to import."""
    rows = [f"{patient.public_id},{key},{action},booked,{start.isoformat()},," for action, start in starts]
    return "\n".join([IMPORT, *rows]).encode()
