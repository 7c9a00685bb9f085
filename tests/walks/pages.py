"""The interface of people: each step is a form of a page, filled in and sent as a browser sends it."""

from contextlib import contextmanager
from html.parser import HTMLParser

import pytest

from scheduler.errors import Refusal
from scheduler.models.appointment import Appointment
from scheduler.models.care_plan import CarePlan
from scheduler.services.account import accounts
from scheduler.services.visit import undo
from tests.cast import PASSWORD
from tests.clocks import StandingClock
from tests.walks.clinic import FIRST
from tests.walks.databases import Copies
from tests.walks.oracle import REASON

STEPS = {
    "confirm": "confirmation",
    "arrive": "arrival",
    "check-in": "check-in",
    "fulfill": "fulfillment",
    "no-show": "no-show",
}
COURSE_STEPS = {"hold": "hold", "resume": "resumption", "activate": "activation", "revoke": "revocation"}
STAFF = ("ada", "mona", "alice", "nick", "rita", "pia", "theo")
REFUSED = {403, 404, 409, 422}


@pytest.fixture
def walking_browsers(app, session, walking):
    """An interface with a signed-in browser for each member of staff."""
    app.extensions["clock"] = StandingClock(FIRST)
    for name in STAFF:
        accounts.set_password(session, walking.users[name], PASSWORD)
    session.commit()
    interface = Pages(app, {name: app.test_client() for name in STAFF}, Copies(session))
    session.rollback()
    return interface


class Forms(HTMLParser):
    """The forms of a page: where each goes, and what it sends if nobody touches it."""

    def __init__(self, page, path):
        super().__init__()
        self.path = path
        self.forms, self._open, self._select = [], None, None
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        has = dict(attrs)
        if tag == "form":
            self._open = (has.get("action", self.path), {})
            self.forms.append(self._open)
        elif self._open is None:
            return
        elif tag == "input" and has.get("name") and "disabled" not in has:
            if has.get("type") not in ("checkbox", "radio", "file") or "checked" in has:
                self._open[1][has["name"]] = has.get("value", "on")
        elif tag == "select":
            self._select = has.get("name")
        elif tag == "option" and self._select:
            if "selected" in has or self._select not in self._open[1]:
                self._open[1][self._select] = has.get("value", "")
        elif tag == "textarea" and has.get("name"):
            self._open[1][has["name"]] = ""

    def handle_endtag(self, tag):
        if tag == "form":
            self._open = None
        elif tag == "select":
            self._select = None


class NotDone(Refusal):
    """A form was answered with a refusal, on a page that may have another form."""

    def __init__(self, forms):
        super().__init__()
        self.forms = forms


class Pages:
    """The pages of staff. What they do not offer (courses by hand, imports of courses) is refused."""

    commits = True

    def __init__(self, app, browsers, copies):
        self.app, self.browsers, self.copies = app, browsers, copies
        self.signed_in = set()

    def begin(self, session):
        self.copies.restore(session)
        self.signed_in.clear()

    def end(self, session):
        session.rollback()

    @contextmanager
    def step_of(self, walk):
        try:
            yield
        finally:
            walk.session.rollback()

    def open(self, walk, path):
        """Return the forms of a page."""
        return self._ask(walk, "GET", path)

    def send(self, walk, forms, ending, need=(), **values):
        """Send the first of the forms that goes there and has these fields; return the forms of the answer."""
        for action, fields in forms:
            if action.split("?")[0].endswith(ending) and set(need) <= fields.keys():
                return self._ask(walk, "POST", action, {**fields, **values})
        raise Refusal  # the page does not offer it

    def _ask(self, walk, method, path, fields=None):
        """Return the forms of the page that answers. Raises NotDone; any other failure is a fault."""
        walk.session.rollback()
        self.app.extensions["clock"] = StandingClock(walk.now)
        browser = self.browsers[walk.who]
        if walk.who not in self.signed_in:
            self._sign_in(walk, browser)
        answer = browser.open(path, method=method, data=fields)
        if answer.status_code in (302, 303) and "/login" in answer.headers["Location"]:
            self._sign_in(walk, browser)  # signed out, because time has passed
            answer = browser.open(path, method=method, data=fields)
        forms = Forms(answer.text, path).forms
        if answer.status_code in REFUSED:
            raise NotDone(forms)
        assert answer.status_code < 400, (
            f"{method} {path} {fields}: {answer.status_code} {answer.text[-900:]}"
        )
        return forms

    def _sign_in(self, walk, browser):
        form = next(
            fields
            for action, fields in Forms(browser.get("/login").text, "/login").forms
            if "password" in fields
        )
        form |= {"email": walk.cast.users[walk.who].email, "password": PASSWORD}
        answer = browser.post("/login", data=form)
        assert answer.status_code in (302, 303), answer.text[-900:]
        self.signed_in.add(walk.who)

    def _at(self, walk, start):
        local = start.astimezone(walk.cast.clinic.zone)
        return {"date": local.date().isoformat(), "time": f"{local:%H:%M}"}

    def _reason(self, walk):
        return {"override_reason": walk.reason, "reason": walk.reason}

    def plan_course(self, walk, patient, key, reserve):
        path = f"/care-plans/new?patient={patient.public_id}&plan_definition={key}"
        offered = self.send(
            walk, self.open(walk, path), "/care-plans/proposals", plan_definition=key,
            not_before=walk.now.date().isoformat(),
        )  # fmt: skip
        more = {"reserve": "yes"} if reserve else {}
        self.send(walk, offered, "/care-plans", need=["token"], **self._reason(walk), **more)

    def book(self, walk, patient, step, start, course):
        if course is not None:
            raise Refusal
        key = next(key for key in walk.plans if step in walk.plan(key).firm)
        forms = self.open(walk, f"/appointments/new?patient={patient.public_id}&kind={key}/{step.key}")
        self.send(walk, forms, "/appointments", kind=f"{key}/{step.key}", start="", **self._at(walk, start))

    def move(self, walk, row, start, scope):
        page = f"/appointments/{row.public_id}/time"
        outside = {"outside": "yes"} if walk.overrides else {}
        shown = self.send(
            walk, self.open(walk, page), f"{page}/preview", need=["scope", "date"], scope=scope,
            **self._at(walk, start), **outside,
        )  # fmt: skip
        self.send(walk, shown, page, need=["token"], **self._reason(walk))

    def cancel(self, walk, row, effect, notify):
        self.send(
            walk, self.open(walk, f"/appointments/{row.public_id}"), "/cancellation", course_effect=effect.value,
            notify="yes" if notify else "no", reason=walk.reason or "ill",
        )  # fmt: skip

    def take_back(self, walk, row):
        if undo.latest_step(walk.session, row) is None:
            raise Refusal
        self.send(walk, self.open(walk, f"/appointments/{row.public_id}"), f"{row.public_id}/undo")

    def step(self, walk, row, step):
        page = f"/appointments/{row.public_id}"
        there = f"{page}/{STEPS[step]}"
        try:
            self.send(walk, self.open(walk, page), there)
        except NotDone as refused:
            if not walk.reason:
                raise
            self.send(walk, refused.forms, there, need=["override_reason"], override_reason=walk.reason)

    def make_up(self, walk, row, start):
        self._choose(walk, row, "make-up", start or walk.beside(row))

    def book_booster(self, walk, row, start):
        self._choose(walk, row, "booking", start)

    def _choose(self, walk, row, what, start):
        page = f"/appointments/{row.public_id}/{what}"
        outside = {"outside": "yes"} if walk.overrides else {}
        shown = self.send(
            walk, self.open(walk, page), f"{page}/preview", **self._at(walk, start), start="", **outside
        )
        self.send(walk, shown, page, need=["token"], **self._reason(walk))

    def step_course(self, walk, course, step):
        page = f"/care-plans/{course.public_id}"
        self.send(
            walk, self.open(walk, page), f"{page}/{COURSE_STEPS[step]}", reason=walk.reason or "asked for"
        )

    def change_protocol(self, walk, course, key, last):
        page = f"/care-plans/{course.public_id}/protocol"
        shown = self.send(walk, self.open(walk, page), f"{page}/preview", plan_definition=key)
        if last is not None:
            shown = self.send(walk, shown, f"{page}/preview", plan_definition=key, last=last)
        self.send(walk, shown, page, need=["token"], reason="responds well")

    def change_length(self, walk, course, minutes):
        page = f"/care-plans/{course.public_id}/lengths"
        shown = self.send(
            walk, self.open(walk, page), f"{page}/preview", phase="infusion/infusion", minutes=str(minutes)
        )
        self.send(walk, shown, page, need=["token"])

    def require(self, walk, row, how):
        course = walk.session.get(CarePlan, row.care_plan_id)
        page = f"/care-plans/{course.public_id}"
        path = f"{page}/requirements/{row.key}"
        if row.appointment_id is not None:
            page = f"/appointments/{walk.session.get(Appointment, row.appointment_id).public_id}"
            path = f"{page}/requirements/{row.key}"
        forms = self.open(walk, page)
        if how == "reopen":
            self.send(walk, forms, f"{path}/reopening")
            return
        waived = {"waived": "yes"} if how == "waive" else {}
        self.send(walk, forms, path, document="A 17", note=REASON, **waived)

    def merge(self, walk, keep, other):
        page = f"/patients/{keep.public_id}/merger/{other.public_id}"
        self.send(walk, self.open(walk, page), page, reason=walk.reason)

    def admit(self, walk, name):
        forms = self.open(walk, "/patients/new")
        self.send(walk, forms, "/patients", need=["given_name"], given_name=name, family_name="Walk")

    def leave(self, walk, patient, how):
        page = f"/patients/{patient.public_id}"
        self._ticked(walk, f"{page}/edit", page, "left", how == "left")

    def _ticked(self, walk, page, ending, name, ticked):
        """Send a form with one of its boxes ticked or not."""
        forms = self.open(walk, page)
        for _, fields in forms:
            fields.pop(name, None)
        self.send(walk, forms, ending, **({name: "yes"} if ticked else {}))

    def close(self, walk, location, start, end):
        zone, page = walk.cast.clinic.zone, "/settings/closures"
        days = {"first_on": str(start.astimezone(zone).date()), "last_on": str(end.astimezone(zone).date())}
        what = location.public_id if location else ""
        self.send(walk, self.open(walk, page), page, need=["first_on"], what=what, **days)

    def reopen(self, walk, closure):
        self.send(walk, self.open(walk, "/settings/closures"), f"/{closure.public_id}/removal")

    def retire(self, walk, location, active):
        page = "/settings/places"
        self._ticked(walk, page, f"{page}/{location.public_id}", "active", active)

    def _not_offered(self, *_):
        raise Refusal

    give_course = bring = _not_offered
