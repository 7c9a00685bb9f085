"""Where the steps of a walk go in. Each door does what it is asked or raises Refusal and leaves nothing."""

from contextlib import contextmanager
from datetime import timedelta

from scheduler.errors import Refusal
from scheduler.models.appointment import Appointment
from scheduler.models.care_plan import CarePlan
from scheduler.models.plan_definition import current
from scheduler.models.user import StaffRole
from scheduler.services.actors import Actor
from scheduler.services.clinic import places, schedules
from scheduler.services.course import booking, boosters, careplans, lengths, make_ups, protocol_change
from scheduler.services.patient import merging, patients
from scheduler.services.planning import proposals
from scheduler.services.planning.placing import place
from scheduler.services.planning.wishes import CourseRequest
from scheduler.services.transfer import imports_appointments
from scheduler.services.visit import moves, requirements, undo, visits
from tests.walks.walk import REASON

IMPORT = "patient_id,plan_definition,action,status,start,location,practitioners"
STEPS = {
    "arrive": visits.arrive,
    "check-in": visits.check_in,
    "fulfill": visits.fulfill,
    "no-show": visits.mark_noshow,
}


class Services:
    """The services, each step within a savepoint of one transaction."""

    @contextmanager
    def step_of(self, walk):
        with walk.session.begin_nested():
            yield
            walk.session.flush()

    def actor(self, walk):
        if walk.who == "pia":
            return Actor(walk.cast.clinic, walk.cast.users["ada"], StaffRole.PRESCRIBER, "staff")
        return walk.cast.actor(walk.who)

    def plan_course(self, walk, patient, key, reserve):
        actor = self.actor(walk)
        definition = current(walk.session, walk.cast.clinic.id, key)
        wanted = CourseRequest(patient, definition, not_before=walk.now.date())
        best = proposals.propose(walk.session, actor, wanted, walk.now)[0]
        booking.book_course(
            walk.session, actor, wanted, best.visits, best.projections, walk.now, walk.reason,
            reserve_minutes=reserve,
        )  # fmt: skip

    def give_course(self, walk, patient, key, starts):
        actor, definition = self.actor(walk), current(walk.session, walk.cast.clinic.id, key)
        steps = [one for one in definition.plan.firm if one.dosing]
        if not steps:
            raise Refusal
        chosen = walk.random.sample(steps, 2)
        placed = [
            place(walk.session, actor, patient, step, start, walk.now)
            for step, start in zip(sorted(chosen, key=steps.index), starts, strict=True)
        ]
        wanted = CourseRequest(patient, definition, not_before=walk.now.date())
        booking.book_course(walk.session, actor, wanted, placed, (), walk.now, walk.reason)

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

    def bring(self, walk, patient, key):
        content = imported(walk, patient, key, self.actor(walk))
        imports_appointments.write(
            walk.session, self.actor(walk), content, walk.now, lambda *_: None, walk.reason
        )


def imported(walk, patient, key, actor):
    """Return the lines of a course, some of them a day early or left out."""
    definition = current(walk.session, walk.cast.clinic.id, key)
    wanted = CourseRequest(patient, definition, not_before=walk.now.date())
    best = proposals.propose(walk.session, actor, wanted, walk.now)[0]
    lines = [IMPORT]
    for visit in best.visits:
        start = visit.start - timedelta(days=walk.random.choice((0,) * 9 + (1,)))
        if walk.random.random() < 0.98:
            lines.append(f"{patient.public_id},{key},{visit.action},booked,{start.isoformat()},,")
    return "\n".join(lines).encode()
