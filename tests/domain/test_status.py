"""Every status answers every question, and every place that shows a status knows it."""

import re
from pathlib import Path

import pytest

from scheduler.api.appointment_views import AppointmentView
from scheduler.domain import status
from scheduler.domain.status import (
    CARE_PLAN_STEPS,
    FROM_ITS_DAY,
    ON_ITS_DAY,
    STEP_HISTORY,
    STEP_NAMES,
    STEP_REFUSALS,
    STEP_TOASTS,
    STEPS,
    AppointmentStatus,
    CarePlanStatus,
)
from scheduler.ical.entries import EventStatus, event_status
from scheduler.services.visit.visits import OVERRIDABLE, STEP_OF

ROOT = Path(__file__).resolve().parents[2]
QUESTIONS = [
    "is_ahead",
    "is_expected",
    "is_waiting",
    "occupies",
    "is_here",
    "has_come",
    "is_live",
    "is_in_calendars",
    "is_off",
    "is_withdrawn",
    "may_be_made_up",
    "is_over",
    "is_tentative",
]
ANSWERS = {
    "proposed": "yes no no no no no no no no no no no yes",
    "pending": "yes yes yes yes no no yes yes no no no no yes",
    "booked": "yes yes yes yes no no yes yes no no no no no",
    "arrived": "no no yes yes yes yes yes yes no no no no no",
    "checked-in": "no no no yes yes yes yes yes no no no no no",
    "fulfilled": "no no no no no yes yes yes no no no yes no",
    "cancelled": "no no no no no no no no yes yes yes no no",
    "noshow": "no no no no no no no yes yes no yes yes no",
    "waitlist": "no no no no no no no no yes no no no no",
    "entered-in-error": "no no no no no no no no yes yes no no no",
}

DAYS = {
    "confirm": "any day",
    "arrive": "its day",
    "check-in": "its day",
    "fulfill": "from its day",
    "no-show": "from its day",
    "cancel": "any day",
    "reschedule": "any day",
}


def test_no_question_is_left_out():
    asked = {name for name, value in vars(AppointmentStatus).items() if isinstance(value, property)}

    assert asked == set(QUESTIONS)


@pytest.mark.parametrize("one", AppointmentStatus)
def test_a_status_answers_every_question(one):
    expected = dict(zip(QUESTIONS, ANSWERS[one].split(), strict=True))

    assert {question: "yes" if getattr(one, question) else "no" for question in QUESTIONS} == expected


@pytest.mark.parametrize("one", AppointmentStatus)
def test_the_answers_of_a_status_agree(one):
    """A status that was put into one set and forgotten in the next is found here."""
    assert not (one.is_expected and not one.is_waiting)
    assert not (one.is_waiting and not (one.is_live and one.occupies))
    assert not (one.is_here and not one.has_come)
    assert not (one.has_come and not one.is_live)
    assert not (one.is_live and (one.is_off or not one.is_in_calendars))
    assert not (one.is_withdrawn and (one.is_in_calendars or not one.is_off))
    assert one.is_live or one.is_off or one is AppointmentStatus.PROPOSED


@pytest.mark.parametrize("one", [one for one in AppointmentStatus if one.is_live and not one.is_over])
def test_a_live_visit_can_be_recorded_as_done_or_missed_or_canceled(one):
    """A status that no step leads out of keeps its visit on the board for good."""
    waiting = {"check-in", "no-show", "cancel"} if one.is_waiting else {"fulfill"}

    assert waiting <= {step for step, statuses in STEPS.items() if one in statuses}


@pytest.mark.parametrize("one", [*AppointmentStatus, *CarePlanStatus])
def test_a_status_has_a_sign_and_words(one):
    marks = (ROOT / "templates" / "_marks.html").read_text()
    signs = re.search(r"set SIGNS = \{(.*?)\}", marks, re.DOTALL)[1]

    assert f'"{one}":' in signs
    assert re.fullmatch("[a-z][a-z -]*", one.words)


@pytest.mark.parametrize("one", [*AppointmentStatus, *CarePlanStatus])
def test_a_status_has_a_color(one):
    styles = "".join(path.read_text() for path in (ROOT / "scheduler" / "static" / "css").glob("*.css"))

    assert re.search(rf"\.is-{one}\b", styles)


@pytest.mark.parametrize("step", [*STEPS, *CARE_PLAN_STEPS])
def test_a_step_has_words_for_its_refusal(step):
    assert re.fullmatch("(it|the patient) cannot be [a-z -]+", STEP_REFUSALS[step])


@pytest.mark.parametrize("step", STEPS)
def test_a_step_of_a_visit_has_a_name(step):
    assert re.fullmatch("the [a-z-]+", STEP_NAMES[step])


@pytest.mark.parametrize("step", STEPS)
def test_a_step_of_a_visit_has_words_for_its_toast_and_its_history(step):
    assert re.fullmatch("(is|has) [a-z -]+", STEP_TOASTS[step])
    assert re.fullmatch("[a-z -]+", STEP_HISTORY[step])


def test_the_day_of_each_step_is_said():
    assert {step: DAYS[step] for step in STEPS} == {
        step: "its day" if step in ON_ITS_DAY else "from its day" if step in FROM_ITS_DAY else "any day"
        for step in STEPS
    }


@pytest.mark.parametrize("what", STEP_OF)
def test_a_step_has_a_button_and_can_be_taken_and_undone_by_the_api(app, what):
    panel = (ROOT / "templates" / "visits" / "_panel.html").read_text()
    path = f"/api/v1/appointments/<appointment_id>/{what}"
    methods = {method for rule in app.url_map.iter_rules() if rule.rule == path for method in rule.methods}

    assert f'step_form("{what}"' in panel
    assert {"POST", "DELETE"} <= methods


def test_each_step_that_can_be_overridden_has_a_form():
    panel = (ROOT / "templates" / "visits" / "_panel.html").read_text()
    forms = re.search(r"set OVERRIDES = \{(.*?)\}", panel, re.DOTALL)[1]

    assert set(re.findall(r'"([a-z-]+)": \("([a-z-]+)"', forms)) == {
        (STEP_OF[what][0], what) for what in OVERRIDABLE
    }


def test_pages_take_every_step():
    """Those that take more than a reason have calls of their own."""
    assert {step for step, _ in STEP_OF.values()} == set(STEPS) - {"no-show", "cancel", "reschedule"}


def test_the_api_and_calendars_know_every_status():
    schema = AppointmentView.model_json_schema()["properties"]["status"]
    assert schema["enum"] == [one.value for one in AppointmentStatus]
    assert {one: event_status(one) for one in AppointmentStatus if event_status(one)} == {
        AppointmentStatus.PENDING: EventStatus.TENTATIVE,
        AppointmentStatus.BOOKED: EventStatus.CONFIRMED,
        AppointmentStatus.ARRIVED: EventStatus.CONFIRMED,
        AppointmentStatus.CHECKED_IN: EventStatus.CONFIRMED,
        AppointmentStatus.FULFILLED: EventStatus.CONFIRMED,
        AppointmentStatus.NOSHOW: EventStatus.CONFIRMED,
        AppointmentStatus.CANCELLED: EventStatus.CANCELLED,
        AppointmentStatus.ENTERED_IN_ERROR: EventStatus.CANCELLED,
    }


def test_no_other_module_lists_statuses():
    """A set of statuses outside domain/status.py is one that a new status forgets."""
    listed = re.compile(
        r"[({\[*]\s*(?:AppointmentStatus|S|_S)\.[A-Z_]+,\s*(?:AppointmentStatus|S|_S)\.[A-Z_]+"
        r"|status(?:\.value)? (?:not )?in [\[({][\"']"
    )
    written = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "scheduler").rglob("*.py")
        if path != Path(status.__file__)
        and "migrations" not in path.parts
        and listed.search(path.read_text())
    }
    in_templates = re.compile(r"status (not )?in [\[(]")
    written |= {
        str(path.relative_to(ROOT))
        for path in (ROOT / "templates").rglob("*.html")
        if in_templates.search(path.read_text())
    }

    assert written == set()
