"""The picture of a course against the database: every visit at its time, every gap at its window."""

import re
from datetime import UTC, datetime, time, timedelta

import pytest

from scheduler.domain.localtime import local_on
from scheduler.services.course.course_pictures import picture
from scheduler.web.timeline import LEFT, timeline
from tests.cast import NOW
from tests.services.courses import visit


@pytest.fixture
def drawn(session, harbor, course):
    return timeline(
        picture(session, harbor.clinic, course, NOW), harbor.clinic.zone, harbor.clinic.formats, NOW
    )


def firm(course):
    return [one for one in course.appointments if one.book_by_on is None]


def test_every_firm_visit_is_drawn_once(drawn, course):
    shown = [mark.visit.public_id for line in drawn.lines for mark in line.marks]

    assert sorted(shown) == sorted(one.public_id for one in firm(course))


def test_a_day_is_as_wide_everywhere(drawn, course, harbor):
    marks = {mark.visit.id: mark.x for line in drawn.lines for mark in line.marks}
    first, second, last = (visit(course, key) for key in ("consult", "infusion-1", "infusion-6"))
    unit = (marks[last.id] - marks[first.id]) / ((last.start_at - first.start_at) / timedelta(days=1))

    before = local_on(first.start_at, harbor.clinic.zone) - timedelta(days=1)
    start = datetime.combine(before, time.min, harbor.clinic.zone)
    expected = LEFT + (second.start_at - start.astimezone(UTC)) / timedelta(days=1) * unit
    assert marks[second.id] == pytest.approx(expected, abs=0.3)


def test_a_mark_in_its_gap_lies_on_its_band(drawn):
    bands = [(mark.x, mark.band) for line in drawn.lines for mark in line.marks if mark.band]

    assert (
        len(bands) == 14
    )  # two preparatory visits, six infusions, six therapy sessions; calls count working days
    assert all(band.kept for _, band in bands)
    assert all(band.x - 0.1 <= x <= band.x + band.width + 0.1 for x, band in bands)


def test_the_page_says_in_words_what_it_draws(harbor, course, signed_in):
    page = signed_in(harbor, "alice").get(f"/care-plans/{course.public_id}").text
    words = re.search(r"<desc[^>]*>(.*?)</desc>", page, re.DOTALL)[1]

    assert "0 of 15 visits are done." in words
    assert page.count("data-visit=") == 21
    assert words.count("Infusion: ") == 1


def test_a_broken_gap_is_said(session, harbor, course, signed_in):
    infusion = visit(course, "infusion-6")
    infusion.start_at, infusion.end_at = (
        infusion.start_at + timedelta(days=9),
        infusion.end_at + timedelta(days=9),
    )
    session.commit()

    page = signed_in(harbor, "alice").get(f"/care-plans/{course.public_id}").text

    assert "outside the protocol's spacing" in page
    assert page.count('class="gap-broken"') >= 1
