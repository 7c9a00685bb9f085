"""What patients tell about themselves, on the desk's pages: every answer at its place, and the same in words."""

import re
from datetime import timedelta

import pytest

from scheduler.domain.status import AppointmentStatus
from scheduler.models.visit_answer import CheckIn, check_ins_of_course
from scheduler.services.actors import Actor
from scheduler.services.patient import patient_answers
from scheduler.web.wellbeing import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, plots
from tests.cast import NOW
from tests.services.courses import visit

SAID = {  # little interest, feeling down, mood
    "infusion-1": ("3", "3", "2"),
    "infusion-2": ("2", "1", "4"),
    "infusion-3": ("", "", ""),
    "infusion-4": ("1", "", "7"),
    "infusion-5": ("1", "1", "0"),
    "infusion-6": ("0", "0", "10"),
}


@pytest.fixture
def nora(harbor):
    return Actor(harbor.clinic, None, None, "patient")


@pytest.fixture
def told(session, harbor, course, nora):
    for action, (interest, down, mood) in SAID.items():
        one = visit(course, action)
        one.status = AppointmentStatus.FULFILLED
        answers = {
            "little_interest": interest,
            "feeling_down": down,
            "mood": mood,
            "note": f"after {action} <b>",
        }
        patient_answers.check_in(session, nora, one, one.end_at + timedelta(hours=20), answers)
    session.commit()
    return check_ins_of_course(session, course.id)


def test_every_answer_is_drawn_at_its_day_and_height(session, harbor, course, told):
    mood, phq2 = plots(told, harbor.clinic.zone)
    rows = {row.appointment.action: row for row in session.query(CheckIn)}

    assert [point.value for point in mood.points] == [2, 4, 7, 0, 10]
    assert [point.value for point in phq2.points] == [6, 3, 2, 0]
    assert phq2.limit == phq2.points[1].y  # a PHQ-2 of 3
    for plot, most in ((mood, 10), (phq2, 6)):
        for point in plot.points:
            assert point.value == getattr(
                rows[point.check_in.appointment.action], plot.title.lower().replace("-", "")
            )
            assert point.y == pytest.approx(TOP + (1 - point.value / most) * (HEIGHT - TOP - BOTTOM), abs=0.1)
    first, last = (visit(course, action).start_at for action in ("infusion-1", "infusion-6"))
    for point in mood.points:
        share = (point.check_in.appointment.start_at - first).days / (last - first).days
        assert point.x == pytest.approx(LEFT + share * (WIDTH - LEFT - RIGHT), abs=0.1)


def test_a_question_left_out_is_a_gap_in_the_line(harbor, told):
    mood, phq2 = plots(told, harbor.clinic.zone)

    assert [len(run.split()) for run in mood.runs] == [2, 3]
    assert [len(run.split()) for run in phq2.runs] == [2, 2]


def test_one_answer_is_a_point_and_none_is_no_plot(session, harbor, course, nora):
    assert plots([], harbor.clinic.zone) == []
    patient_answers.check_in(session, nora, visit(course, "infusion-1"), NOW, {"mood": "5"})

    (mood,) = plots(check_ins_of_course(session, course.id), harbor.clinic.zone)
    assert ([point.x for point in mood.points], mood.runs) == ([LEFT], ())


def test_the_page_says_in_words_what_it_draws(harbor, course, told, signed_in):
    page = signed_in(harbor, "nick").get(f"/care-plans/{course.public_id}").text
    section = page[page.index('id="wellbeing-title"') :]

    assert [int(value) for value in re.findall(r'data-value="(\d+)"', page)] == [2, 4, 7, 0, 10, 6, 3, 2, 0]
    words = re.findall(r"mood\s+(not answered|\d+ of 10), PHQ-2\s+(not answered|\d of 6)", section)
    assert words == [
        ("10 of 10", "0 of 6"),
        ("0 of 10", "2 of 6"),
        ("7 of 10", "not answered"),
        ("not answered", "not answered"),
        ("4 of 10", "3 of 6"),
        ("2 of 10", "6 of 6"),
    ]
    assert "“after infusion-1 &lt;b&gt;”" in section
    for plot, label in zip(
        plots(told, harbor.clinic.zone),
        re.findall(r'aria-label="((?:Mood|PHQ-2): [^"]+)"', page),
        strict=True,
    ):
        assert re.findall(r" (\d+)(?:,|$)", label) == [str(point.value) for point in plot.points]


def test_a_course_without_a_word_has_no_section(harbor, course, signed_in):
    page = signed_in(harbor, "alice").get(f"/care-plans/{course.public_id}").text

    assert "wellbeing-title" not in page


def test_the_driver_is_on_the_visit_and_on_the_course(session, harbor, course, nora, signed_in):
    infusion = visit(course, "infusion-1")
    patient_answers.tell_driver(session, nora, infusion, NOW, True, "Sam", "+1 503 555 0100")
    session.commit()
    client = signed_in(harbor, "alice")

    pages = [f"/appointments/{infusion.public_id}", f"/care-plans/{course.public_id}"]
    for page in pages:
        assert re.search(r'Sam,\s+<a href="tel:\+1 503 555 0100">\+1 503 555 0100</a>', client.get(page).text)
        assert "given before the visit was moved" not in client.get(page).text

    session.rollback()  # what a test has read must not stand between it and writing
    infusion.schedule_version += 1
    session.commit()
    assert all("given before the visit was moved" in client.get(page).text for page in pages)

    session.rollback()
    patient_answers.tell_driver(session, nora, infusion, NOW, False)
    session.commit()
    for page in pages:
        text = client.get(page).text
        assert "patient has no driver yet" in text
        assert "Sam" not in text


def test_how_the_patient_was_is_on_the_visit(harbor, course, told, signed_in):
    page = signed_in(harbor, "nick").get(f"/appointments/{visit(course, 'infusion-2').public_id}").text

    assert "mood 4 of 10, PHQ-2 3 of 6" in page
    assert "“after infusion-2 &lt;b&gt;”" in page
