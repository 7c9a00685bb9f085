"""`flask import appointments`: a course that another system began goes on here."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from scheduler.database import db
from scheduler.models.appointment import Appointment
from scheduler.models.care_plan import CarePlan
from scheduler.models.message import Message
from scheduler.models.reminder import Reminder
from scheduler.services.visit import books
from tests.cast import NOW
from tests.clocks import StandingClock
from tests.engines import both
from tests.services.courses import book

HEADER = "given_name,family_name,plan_definition,action,status,start,location,practitioners"
LATER = NOW + timedelta(days=8)


@pytest.fixture
def half_done(app, session, harbor):
    """Return the lines of a course that the planner once made, a week later: the first visits are over."""
    care_plan = book(session, harbor)
    lines = []
    for one in care_plan.appointments:
        if one.status.value == "proposed":
            continue
        state = "done" if one.end_at < LATER else "booked"
        place = one.location.name if one.location else ""
        people = "; ".join(person.name for person in one.practitioners) if state == "booked" else ""
        start = f"{one.local_start:%Y-%m-%d %H:%M}"
        lines.append(f"NORA,lindqvist,iv-depression-6,{one.action},{state},{start},{place},{people}")
    session.rollback()
    app.extensions["clock"] = StandingClock(LATER)
    return lines


@pytest.fixture
def bring(app, tmp_path):
    def run(lines, *options):
        file = tmp_path / "visits.csv"
        file.write_text("\n".join([HEADER, *lines]), encoding="utf-8")
        db.session.remove()
        result = app.test_cli_runner().invoke(args=["import", "appointments", str(file), *options])
        return (
            result.exit_code,
            result.stdout,
            [one for one in result.stderr.splitlines() if "visits.csv" in one],
        )

    return run


@both
def test_a_half_done_course_goes_on_at_its_times(bring, half_done):
    code, output, faults = bring(half_done)

    every = db.session.scalars(select(Appointment).order_by(Appointment.start_at, Appointment.id)).all()
    rows = [row for row in every if row.status.value != "proposed"]
    done = [row for row in rows if row.status.value == "fulfilled"]
    assert (code, faults) == (0, [])
    assert output == f"Booked 1 courses at harbor: {len(rows) - len(done)} visits ahead, {len(done)} done.\n"
    assert 0 < len(done) < len(rows) == len(half_done)
    told = {line.split(",")[3]: line.split(",")[5] for line in half_done}
    assert {row.action: f"{row.local_start:%Y-%m-%d %H:%M}" for row in rows} == told
    assert [row.action for row in every if row not in rows] == ["booster-1", "booster-2", "booster-3"]
    assert [row.state.value for row in db.session.scalars(select(Message))] == ["void"]
    assert db.session.scalar(select(func.count(Reminder.id))) > 0
    assert not books.faults(db.session, rows[0].clinic_id, LATER).any


def test_a_dry_run_books_nothing(bring, half_done):
    code, output, _ = bring(half_done, "--dry-run")

    assert (code, output.startswith("Would book 1 courses at harbor: ")) == (0, True)
    assert db.session.scalar(select(func.count(Appointment.id))) == 0


def test_what_is_wrong_is_named_by_line_and_nothing_is_booked(bring, half_done):
    wrong = [
        half_done[0].replace("NORA", "Nobody"),
        half_done[1].replace("iv-depression-6", "iv-hope"),
        half_done[-1].replace(",booked,", ",perhaps,"),
        half_done[-2].replace("2026-", "26-"),
        *half_done[2:-2],
    ]
    code, _, faults = bring(wrong)

    assert faults == [
        "visits.csv: line 2: patient: does not exist; import the patients first",
        "visits.csv: line 3: plan_definition: there is no protocol iv-hope",
        "visits.csv: line 4: status: must be done or booked",
        "visits.csv: line 5: start: is not a time such as 2026-12-01 09:30",
    ]
    assert (code, db.session.scalar(select(func.count(Appointment.id)))) == (1, 0)


def test_a_visit_ahead_is_not_imported_as_done(bring, half_done):
    ahead = next(line for line in half_done if ",booked," in line)
    code, _, faults = bring(
        [line.replace(",booked,", ",done,") if line == ahead else line for line in half_done]
    )

    assert [fault.partition(": end: ")[2] for fault in faults] == [
        "must be after the start and not in the future, for a visit that is done"
    ]
    assert (code, db.session.scalar(select(func.count(Appointment.id)))) == (1, 0)


def test_a_course_with_a_visit_missing_is_refused(bring, half_done):
    code, _, faults = bring([line for line in half_done if ",infusion-5," not in line])

    assert (code, faults) == (1, ["visits.csv: line 2: course: lacks a line for infusion-5"])


def test_a_broken_rule_is_refused_unless_a_reason_is_given(bring, half_done):
    assert ",therapy-6,booked,2026-12-25 10:00," in half_done[-1]
    half_done[-1] = half_done[-1].replace("2026-12-25", "2026-12-28")
    refused = bring(half_done)
    booked = bring(half_done, "--override-reason", "as booked before")

    words = "Therapy session 6 is 96 hours after infusion 6; 24 to 72 are allowed."
    assert refused[2] == [f"visits.csv: line {len(half_done) + 1}: therapy-6: {words}"]
    assert (refused[0], booked[0]) == (1, 0)
    assert db.session.scalars(select(CarePlan.override_reason)).all() == ["as booked before"]


def test_a_taken_slot_refuses_the_whole_file(bring, half_done, session):
    assert bring(half_done)[0] == 0
    code, _, faults = bring(half_done)

    assert code == 1
    assert len(faults) > 0
    assert db.session.scalar(select(func.count(CarePlan.id))) == 1
