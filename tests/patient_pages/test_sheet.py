"""The sheet to print: all that a patient must know of each visit, and nothing to press."""

import re
from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from scheduler.services.actors import Actor
from scheduler.services.patient import patient_answers
from scheduler.services.visit import visits
from tests.cast import NOW
from tests.patient_pages.conftest import mailed
from tests.services.courses import visit

PHONE = {"viewport": {"width": 390, "height": 844}}


@pytest.fixture(autouse=True)
def at(tmp_path):
    """Let the server believe that it is NOW."""
    (tmp_path / "clock").write_text(str((NOW - datetime.now(UTC)).total_seconds()))


@pytest.fixture
def course(session, harbor, nora_course):
    course = nora_course
    third, off = visit(course, "infusion-3"), visit(course, "therapy-6")
    patient = Actor(harbor.clinic, None, None, "patient")
    patient_answers.tell_driver(session, patient, third, NOW, True, "Sam", "+1 555 0199")
    visits.cancel(session, harbor.actor("alice"), [off], NOW)
    session.commit()
    return course


@pytest.fixture
def link(session, harbor, course):
    return f"/visits/{mailed(session, harbor.clinic, course.patient, [course.appointments[0]])}"


def test_every_visit_that_stands_is_on_it_with_how_to_prepare(client, session, course, link):
    standing = [one for one in course.appointments if one.status.is_live and one.visible]
    page = client.get(f"{link}/sheet").get_data(as_text=True)

    assert page.count("<article") == len(standing) > 10
    assert page.count("You told us who is driving you home.") == 1
    third = page.partition(f'id="visit-{visit(course, "infusion-3").public_id}"')[2].partition("</article>")[
        0
    ]
    assert re.search(r"<li>[^<]*(eat|food)[^<]*\d+:\d\d [AP]M", third), "when to stop eating"
    assert visit(course, "therapy-6").public_id not in page
    assert re.search(r"<(form|button|input|script)", page) is None


def test_it_is_there_in_spanish(client, link):
    page = client.get(f"{link}/sheet?lang=es").get_data(as_text=True)

    assert '<html lang="es">' in page
    assert "use el menú de su navegador" in page
    assert "comer" in page or "coma" in page


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_paper_it_is_black_on_white_without_what_is_for_the_screen(open_page, live_server, link, scheme):
    page = open_page(live_server, color_scheme=scheme, java_script_enabled=False, **PHONE)
    page.goto(link)
    page.get_by_role("link", name="Print").click()
    how = page.get_by_text("To print this page, use your browser")
    expect(how).to_be_visible()
    page.emulate_media(media="print")

    expect(how).not_to_be_visible()
    expect(page.get_by_role("link", name="Español")).not_to_be_visible()
    expect(page.locator("html")).to_have_css("background-color", "rgb(255, 255, 255)")
    expect(page.locator("html")).to_have_css("color", "rgb(0, 0, 0)")
    expect(page.locator("article li").first).to_be_visible()
