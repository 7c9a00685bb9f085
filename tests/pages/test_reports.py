"""A plot by keyboard: one stop of the Tab key, arrow keys from mark to mark, and the value of each in words."""

import pytest

from scheduler.domain.status import AppointmentStatus

PLOT = "/reports/visits?from=2026-11-23&to=2026-12-31&group_by=week"


@pytest.fixture
def treated(session, course):
    for one in course.appointments:
        if one.status.is_live:
            one.status = AppointmentStatus.FULFILLED
    session.commit()


def test_the_arrow_keys_go_from_mark_to_mark(treated, mona):
    mona.goto(PLOT)
    stacks, said = mona.locator(".plot-stack"), mona.locator(".plot-said")
    mona.locator(".report-groups a").last.focus()
    mona.keyboard.press("Tab")
    words = [said.inner_text()]
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft", "End", "ArrowRight", "Home"):
        mona.keyboard.press(key)
        words.append(said.inner_text())
    shown = [stack.get_attribute("aria-label") for stack in stacks.all()]

    assert len(shown) == 6
    assert words == [shown[n] for n in (0, 1, 2, 1, 5, 5, 0)]
    mona.keyboard.press("Tab")
    assert mona.evaluate("document.activeElement.classList.contains('plot-stack')") is False
