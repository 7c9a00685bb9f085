"""`flask import appointments`: a course that another system began goes on here."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from scheduler.database import db
from scheduler.models.appointment import Appointment
from scheduler.models.care_plan import CarePlan
from scheduler.models.message import Message
from scheduler.models.open_requirements import open_requirements
from scheduler.models.reminder import Reminder
from scheduler.models.requirement import Requirement
from scheduler.services.visit import books
from tests.cast import NOW, add_patient
from tests.clocks import StandingClock
from tests.engines import both
from tests.services.courses import book
from tests.sites import add_north, sites_of_visits

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
    def run(lines, *options, header=HEADER):
        file = tmp_path / "visits.csv"
        file.write_text("\n".join([header, *lines]), encoding="utf-8")
        db.session.remove()
        result = app.test_cli_runner().invoke(args=["import", "appointments", str(file), *options])
        return (
            result.exit_code,
            result.stdout,
            [one for one in result.stderr.splitlines() if "visits.csv" in one],
        )

    return run


def test_lines_without_a_chair_are_at_the_site_of_those_with_one(session, harbor, bring, half_done):
    add_north(session, harbor)
    session.commit()
    lines = [line.replace(",Chair 1,", ",North 1,").replace(",Room A,", ",,") for line in half_done]
    chairs = {line.split(",")[6] for line in lines}
    assert "North 1" in chairs, "the planner likes the first chair"
    code, _, faults = bring([line.replace(",Chair 2,", ",,").replace(",Chair 3,", ",,") for line in lines])

    assert (code, faults) == (0, [])
    ahead = [
        row for row in db.session.scalars(select(Appointment)) if row.status.value in ("booked", "pending")
    ]
    assert sites_of_visits(ahead) == {"North"}


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


def test_the_same_file_again_is_here_already(bring, half_done, session):
    assert bring(half_done)[0] == 0
    known = db.session.scalars(select(CarePlan.public_id)).one()
    refused = bring(half_done)
    skipped = bring(half_done, "--skip-existing")

    assert refused[::2] == (1, [f"visits.csv: line 2: course: is here already (course {known})"])
    assert skipped[:2] == (
        0, "Booked 0 courses at harbor: 0 visits ahead, 0 done; left out 1 that are here already.\n",
    )  # fmt: skip
    assert db.session.scalars(select(CarePlan.public_id)).all() == [known]


def test_a_taken_slot_refuses_the_whole_file(bring, half_done, session, harbor):
    add_patient(session, harbor, "Otto", "Olsen")
    session.commit()
    assert bring(half_done)[0] == 0
    code, _, faults = bring([line.replace("NORA,lindqvist", "Otto,Olsen") for line in half_done])

    assert code == 1
    assert len(faults) > 0
    assert db.session.scalar(select(func.count(CarePlan.id))) == 1


@both
def test_what_was_completed_before_is_not_asked_again(bring, half_done):
    done = "psychiatric-evaluation 2026-10-01; medical-clearance 2026-10-02; consent 2026-10-05"
    lines = [f"{half_done[0]},{done}", *(f"{line}," for line in half_done[1:])]
    ahead = next(place for place, line in enumerate(lines) if ",booked," in line and ",infusion-" in line)
    lines[ahead] += "driver 2026-11-20"
    code, _, faults = bring(lines, header=f"{HEADER},requirements")

    action = half_done[ahead].split(",")[3]
    visits = {one.action: one for one in db.session.scalars(select(Appointment))}
    still_open = [one.key for one in open_requirements(visits[action])]
    assert (code, faults, still_open) == (0, [], ["pregnancy-test"])
    consent = db.session.scalars(select(Requirement).where(Requirement.key == "consent")).one()
    assert f"{consent.completed_at:%Y-%m-%d}" == "2026-10-05"


def test_a_requirement_that_cannot_be_is_named_by_its_line(bring, half_done):
    wrong = "blood-test 2026-10-01; consent; driver 2027-10-01"
    lines = [f"{half_done[0]},{wrong}", *(f"{line}," for line in half_done[1:])]
    faults = bring(lines, header=f"{HEADER},requirements")[2]

    assert [line.removeprefix("visits.csv: line 2: requirements: ").partition(": its")[0] for line in faults] == [
        "the protocol has no requirement blood-test", "consent", "driver was completed in the future",
    ]  # fmt: skip


def test_times_are_read_in_the_order_of_the_file(bring, half_done):
    lines = []
    for line in half_done:
        cells = line.split(",")
        moment = datetime.fromisoformat(cells[5])
        cells[5] = f"{moment.month}/{moment.day}/{moment.year} {moment.hour % 12 or 12}:{moment:%M %p}"
        lines.append(",".join(cells))

    assert bring(lines)[2][0].partition("start: ")[2] == "is not a time such as 2026-12-01 09:30"
    assert bring(lines, "--dates", "mdy", "--dry-run")[0] == 0
