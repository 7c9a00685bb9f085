"""The interface of programs: each step is a request with the token of the member of staff who acts."""

from contextlib import contextmanager

import pytest

from scheduler.errors import Refusal
from scheduler.models.appointment import Appointment
from scheduler.models.care_plan import CarePlan
from scheduler.models.location import Location
from scheduler.services.account import accounts
from scheduler.services.visit import undo
from tests.api.conftest import Program
from tests.clocks import StandingClock
from tests.walks.clinic import FIRST
from tests.walks.databases import Copies
from tests.walks.oracle import REASON

STAFF = ("ada", "mona", "alice", "nick", "rita", "pia", "theo")
STEPS = {
    "confirm": "confirmation",
    "arrive": "arrival",
    "check-in": "check-in",
    "fulfill": "fulfillment",
    "no-show": "no-show",
    "cancel": "cancellation",
}
COURSE_STEPS = {"hold": "hold", "resume": "resumption", "activate": "activation", "revoke": "revocation"}
REFUSED = {403, 404, 409, 422}


@pytest.fixture
def walking_programs(app, session, walking):
    """An interface with a token for each member of staff."""
    tokens = {
        name: accounts.create_token(session, walking.command, walking.users[name], "walks", FIRST)[1]
        for name in STAFF
    }
    session.commit()
    return Api(
        app, {name: Program(app.test_client(), text) for name, text in tokens.items()}, Copies(session)
    )


class Api:
    """The API. What it does not offer (mergers, imports of courses, changes of protocol) is refused."""

    commits = True

    def __init__(self, app, programs, copies):
        self.app, self.programs, self.copies = app, programs, copies

    def begin(self, session):
        self.copies.restore(session)

    def end(self, session):
        session.rollback()

    @contextmanager
    def step_of(self, walk):
        try:
            yield
        finally:
            walk.session.rollback()  # what a request wrote is read in a transaction of its own

    def ask(self, walk, method, path, body=None):
        """Send a request at the time of the walk. Raises Refusal; any other failure is a fault."""
        walk.session.rollback()
        self.app.extensions["clock"] = StandingClock(walk.now)
        answer = self.programs[walk.who](method, path, body)
        if answer.status_code in REFUSED:
            raise Refusal
        assert answer.status_code < 300, f"{method} {path} {body}: {answer.status_code} {answer.text[:300]}"
        return answer.json

    def plan_course(self, walk, patient, key, reserve):
        wishes = {"patient_id": patient.public_id, "plan_definition": key}
        found = self.ask(
            walk, "POST", "/proposals", {**wishes, "not_before": str(walk.now.date()), "count": 1}
        )
        body = {"token": found["items"][0]["token"], "override_reason": walk.reason}
        self.ask(walk, "POST", "/care-plans", body | ({"reserve_minutes": reserve} if reserve else {}))

    def give_course(self, walk, patient, key, starts):
        visits = [{"action": action, "start": start.isoformat()} for action, start in starts]
        about = {"patient_id": patient.public_id, "plan_definition": key, "override_reason": walk.reason}
        self.ask(walk, "POST", "/care-plans", {**about, "appointments": visits})

    def book(self, walk, patient, step, start, course):
        whose = {"care_plan_id": course.public_id} if course else self._alone(walk, patient, step)
        self._book(walk, step.key, start, whose)

    def _alone(self, walk, patient, step):
        key = next(key for key in walk.plans if step in walk.plan(key).firm)
        return {"patient_id": patient.public_id, "plan_definition": key}

    def _book(self, walk, action, start, about):
        visit = {"action": action, "start": start.isoformat(), "override_reason": walk.reason}
        self.ask(walk, "POST", "/appointments", {**visit, **about})

    def move(self, walk, row, start, scope):
        body = {"start": start.isoformat(), "scope": scope, "override_reason": walk.reason}
        self.ask(walk, "POST", f"/appointments/{row.public_id}/time", body)

    def cancel(self, walk, row, effect, notify):
        body = {
            "reason": "ill",
            "course_effect": effect.value,
            "notify": notify,
            "override_reason": walk.reason,
        }
        self.ask(walk, "POST", f"/appointments/{row.public_id}/cancellation", body)

    def take_back(self, walk, row):
        step = undo.latest_step(walk.session, row)
        if step is None or step.kind not in STEPS:
            raise Refusal
        self.ask(walk, "DELETE", f"/appointments/{row.public_id}/{STEPS[step.kind]}")

    def step(self, walk, row, step):
        body = {} if step == "confirm" else {"override_reason": walk.reason}
        self.ask(walk, "POST", f"/appointments/{row.public_id}/{STEPS[step]}", body)

    def make_up(self, walk, row, start):
        about = {"care_plan_id": row.care_plan.public_id, "replaces_id": row.public_id}
        self._book(walk, row.action, start or walk.beside(row), about)

    def book_booster(self, walk, row, start):
        self._book(walk, row.action, start, {"care_plan_id": row.care_plan.public_id})

    def step_course(self, walk, course, step):
        self.ask(walk, "POST", f"/care-plans/{course.public_id}/{COURSE_STEPS[step]}", {})

    def require(self, walk, row, how):
        body = {"completed": how != "reopen", "waived": how == "waive"}
        if how != "reopen":
            body |= {"document": "A 17", "note": REASON}
        if row.appointment_id is not None:
            body["appointment_id"] = walk.session.get(Appointment, row.appointment_id).public_id
        course = walk.session.get(CarePlan, row.care_plan_id).public_id
        self.ask(walk, "PUT", f"/care-plans/{course}/requirements/{row.key}", body)

    def admit(self, walk, name):
        self.ask(walk, "POST", "/patients", {"given_name": name, "family_name": "Walk"})

    def leave(self, walk, patient, how):
        self.ask(walk, "PATCH", f"/patients/{patient.public_id}", {"active": how != "left"})

    def close(self, walk, location, start, end):
        scope = {"scope": "location", "scope_id": location.public_id} if location else {}
        self.ask(walk, "POST", "/closures", {"start": start.isoformat(), "end": end.isoformat(), **scope})

    def reopen(self, walk, closure):
        self.ask(walk, "DELETE", f"/closures/{closure.public_id}")

    def retire(self, walk, location: Location, active):
        self.ask(walk, "PATCH", f"/locations/{location.public_id}", {"active": active})

    def _not_offered(self, *_):
        raise Refusal

    change_protocol = change_length = merge = bring = _not_offered
