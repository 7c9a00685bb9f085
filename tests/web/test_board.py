"""The board's numbers: rows by the clinic's time, a fixed number of queries, what polling answers."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event

from scheduler.database import db
from scheduler.domain.formats import USUAL
from scheduler.models.open_requirements import open_requirements
from scheduler.models.schedule import ClosureKind
from scheduler.models.versions import calendar_version
from scheduler.services.clinic import schedules
from scheduler.services.day import boards
from scheduler.services.day.boards import BoardView
from scheduler.services.planning.possible_starts import possible_starts
from scheduler.services.visit import requirements
from scheduler.services.visit.move_times import MoveTimes
from scheduler.services.visit.moves import MovePlanner
from scheduler.web.board_scale import Scale
from tests.cast import NOW, add_patient
from tests.services.courses import MONDAY, book, visit
from tests.visits import add_visit

DRAWN = re.compile(r'class="visit ([^"]*)"[^>]*data-visit="(\w+)"')


@pytest.fixture
def queries(app):
    """Count the statements of what runs in a `with`."""
    seen: list[str] = []

    @event.listens_for(db.engine, "before_cursor_execute")
    def count(connection, cursor, statement, parameters, context, executemany):
        if statement.split()[0] == "SELECT" and "alembic_version" not in statement:  # looked at now and then
            seen.append(statement)

    return seen


def test_a_row_is_five_minutes_from_the_first_hour():
    start = datetime(2026, 11, 30, 13, 0, tzinfo=UTC)
    scale = Scale(start, 120)

    assert scale.row(start) == 1
    assert scale.row(start + timedelta(minutes=5)) == 2
    assert scale.row(start + timedelta(hours=10)) == 121
    assert scale.row(start - timedelta(hours=1)) == 1
    assert len(scale.hours) == 10


def test_the_board_takes_as_many_queries_for_many_visits_as_for_few(session, harbor, signed_in, queries):
    client, counts, shown = signed_in(harbor, "alice"), [], []
    client.get("/today/count")  # the first page of a process counts what is to do
    for patients in (("Ann",), ("Bo", "Cy", "Di", "Eve", "Flo")):
        session.rollback()  # a writer may not have read before
        for name in patients:
            add_patient(session, harbor, name, "Muster")
            book(session, harbor, "therapy-6", patient=name)
        session.commit()
        queries.clear()
        page = client.get(f"/board/{MONDAY}").text
        counts.append(len(queries))
        shown.append(page.count("data-visit="))

    assert shown == [1, 6]
    assert counts[0] == counts[1]


def test_people_hold_what_they_are_needed_for(session, harbor, course):
    on = visit(course, "infusion-1").local_start.date()

    day = boards.load(session, harbor.clinic, on, BoardView.PEOPLE)

    nurse = next(column for column in day.columns if column.name == "Nina")
    own = [block for block in nurse.blocks if block.visit.action == "infusion-1"]
    assert [block.stretches[0].name for block in own if block.wide] == ["set-up"]
    assert nurse.units == harbor.clinic.settings.nurse_units


def test_what_is_only_projected_is_not_on_the_board(session, harbor, course):
    booster = visit(course, "booster-1")

    day = boards.load(session, harbor.clinic, booster.local_start.date(), BoardView.CHAIRS)

    assert day.visits == ()


def test_polling_answers_nothing_while_nothing_changes(session, harbor, signed_in):
    client = signed_in(harbor, "alice")
    version = calendar_version(session, harbor.clinic.id)
    session.rollback()

    assert client.get(f"/board/{MONDAY}/grid?since={version}").status_code == 204

    session.rollback()  # a writer may not have read before
    book(session, harbor)
    session.commit()
    answer = client.get(f"/board/{MONDAY}/grid?since={version}")
    assert answer.status_code == 200
    assert f'data-version="{calendar_version(session, harbor.clinic.id)}"' in answer.text


@pytest.mark.parametrize(
    ("settings", "hours", "first", "card"),
    [
        ({}, ["8 AM", "9 AM"], "8:00 AM|8:05 AM|", '<time>{}<span class="half"> {}</span></time>'),
        ({"clock_24_hours": True}, ["08:00", "09:00"], "08:00|08:05|", "<time>{}</time>"),
    ],
)
def test_the_axis_and_the_cards_write_times_as_the_clinic_does(
    session, harbor, course, signed_in, settings, hours, first, card
):
    harbor.clinic.settings_document = settings
    session.commit()
    infusion = visit(course, "infusion-1")
    start = infusion.start_at.astimezone(infusion.zone)
    shown = signed_in(harbor, "alice").get(f"/board/{start.date()}").text

    assert re.findall(r'<span class="hour [^>]*>([^<]*)<', shown)[:2] == hours
    assert f'data-times="{first}' in shown
    assert 'data-opens="08:00"' in shown  # the move's form and its script read ISO
    assert card.format(*harbor.clinic.formats.split_time(start)) in shown


@pytest.mark.parametrize(
    ("settings", "week", "first"),
    [
        ({}, "Nov 22, 2026 to Nov 28, 2026", "Sun"),
        ({"locale": "en-GB"}, "23 Nov 2026 to 29 Nov 2026", "Mon"),
    ],
)
def test_a_week_begins_on_the_first_weekday_of_the_region(session, harbor, signed_in, settings, week, first):
    harbor.clinic.settings_document = settings
    patient = add_patient(session, harbor, "Ada", "Quill")
    session.commit()
    client = signed_in(harbor, "alice")

    assert week in client.get("/board/2026-11-25/week").text
    form = client.get(f"/care-plans/new?patient={patient.public_id}").text
    assert re.findall(r'<label for="weekdays-\d">(\w+)<', form)[0] == first


def test_a_late_and_an_overdue_visit_say_so(session, course):
    infusion = visit(course, "infusion-1")

    assert boards.state_at(infusion, infusion.start_at) == ""
    assert boards.state_at(infusion, infusion.start_at + timedelta(minutes=12)) == "12 min late"
    infusion.status = "checked-in"
    session.flush()
    session.refresh(infusion)
    during = infusion.start_at + timedelta(minutes=20)
    ends = (infusion.start_at + timedelta(minutes=55)).astimezone(infusion.zone)
    assert boards.state_at(infusion, during) == f"infusion ends {USUAL.time(ends)}"
    assert boards.state_at(infusion, infusion.end_at + timedelta(minutes=7)) == "7 min over"


def test_the_board_says_what_is_missing_as_the_requirements_do(session, harbor, course, signed_in):
    infusion = visit(course, "infusion-1")
    on = infusion.local_start.date()
    wanted = [requirement.key for requirement in open_requirements(infusion) if requirement.applies]
    day = boards.load(session, harbor.clinic, on, BoardView.CHAIRS, NOW)
    assert [requirement.key for requirement in day.missing[infusion.id]] == wanted
    assert "driver" in wanted

    for key in wanted[:-1]:
        rule = infusion.care_plan.plan_definition.plan.requirement(key)
        own = infusion if rule.holds == "per_session" else None
        requirements.complete(session, harbor.prescriber, infusion.care_plan, key, NOW, own)
    session.commit()
    still = [requirement for requirement in open_requirements(infusion) if requirement.applies]
    assert 0 < len(still) < len(wanted)
    day = boards.load(session, harbor.clinic, on, BoardView.CHAIRS, NOW)
    assert [requirement.key for requirement in day.missing[infusion.id]] == [
        requirement.key for requirement in still
    ]
    page = " ".join(signed_in(harbor, "alice").get(f"/board/{on}").text.split())
    assert ("No driver yet" if still[0].key == "driver" else "1 item missing") in page


def test_a_wrong_date_is_refused_in_words(harbor, signed_in):
    answer = signed_in(harbor, "alice").get("/board/2026-02-30")

    assert answer.status_code == 422
    assert "must be a date, such as 2026-11-24" in answer.text


def test_the_board_draws_quietly_what_is_not_asked_for(session, harbor, course, signed_in):
    visit = course.appointments[3]
    others = [one for one in course.appointments if one.local_start.date() == visit.local_start.date()]
    on, person = visit.local_start.date(), visit.practitioners[0].public_id
    client = signed_in(harbor, "alice")

    def quiet(only):
        page = client.get(f"/board/{on}?only={only}")
        assert page.status_code == 200
        return {public_id for names, public_id in DRAWN.findall(page.text) if "beside" in names.split()}

    assert quiet("") == set()
    assert quiet(f"kind-{visit.kind}") == {one.public_id for one in others if one.kind != visit.kind}
    own = {one.location_id for one in others if person in {who.public_id for who in one.practitioners}}
    assert quiet(f"person-{person}") == {  # a chair without work of this person is not drawn
        one.public_id
        for one in others
        if one.location_id in own and person not in {who.public_id for who in one.practitioners}
    }
    assert visit.public_id in quiet("kind-nothing")
    assert f"only=kind-{visit.kind}" in client.get(f"/board/{on}?only=kind-{visit.kind}").text


def test_a_drag_shades_only_starts_that_the_strip_would_try(session, harbor, course, signed_in):
    alice, shaded, possible = signed_in(harbor, "alice"), set(), set()
    for action in ("assessment", "infusion-2"):
        one = visit(course, action)
        tried = MoveTimes(MovePlanner(session, harbor.actor("alice"), one, NOW, scope="following"))
        kept = {one.start_at, *tried.candidates(outside=False).usual, *tried.candidates(outside=False).costly}
        for days in (-2, -1, 0):
            on = one.local_start.date() + timedelta(days=days)
            free = possible_starts(session, harbor.actor("alice"), one, on, NOW).values()
            possible |= {(action, start) for starts in free for start in starts if start not in kept}
            session.rollback()
            answer = alice.get(f"/appointments/{one.public_id}/starts?date={on}").json
            instants = {datetime.fromtimestamp(60 * at, UTC) for starts in answer.values() for at in starts}
            shaded |= {(action, start) for start in instants - kept}

    assert possible  # without the strip's word for it, these would be shaded
    assert not shaded


def test_a_closed_and_empty_day_opens_on_the_next_working_day(session, harbor, signed_in):
    start = NOW.astimezone(harbor.clinic.zone).replace(hour=0, minute=0)
    schedules.close(session, harbor.command, start, start + timedelta(days=1), NOW, reason="snow")
    client = signed_in(harbor, "alice")
    page = client.get("/").text

    assert "Tuesday, November 24<" in page
    assert "Closed today" in page
    assert "Monday, November 23<" in client.get("/board/2026-11-23").text
    session.rollback()
    add_visit(session, harbor, "Chair 1", (start + timedelta(hours=10)).astimezone(UTC))
    session.commit()
    assert "Monday, November 23<" in client.get("/").text


def test_a_count_above_the_board_narrows_it_to_these_visits(session, harbor, course, signed_in):
    infusion = visit(course, "infusion-1")
    on = infusion.local_start.date()
    client = signed_in(harbor, "alice")
    page = client.get(f"/board/{on}").text
    counted = dict(re.findall(r'only=is-(\w+)[^>]*>\s*<b class="num">(\d+)</b>', page))
    narrowed = client.get(f"/board/{on}?only=is-missing").text
    wanted = {one for names, one in DRAWN.findall(narrowed) if "beside" not in names.split()}

    assert int(counted["missing"]) == len(wanted) > 0
    assert infusion.public_id in wanted
    assert "is-late" not in counted


@pytest.mark.parametrize(("who", "is_own"), [("nick", True), ("alice", False)])
def test_a_nurse_starts_on_the_visits_of_their_own(session, harbor, course, signed_in, who, is_own):
    nina = harbor.people["Nina"]
    nina.user_id = harbor.users["nick"].id
    session.commit()
    client = signed_in(harbor, who)

    assert (f'data-only="person-{nina.public_id}"' in client.get("/").text) is is_own
    assert 'data-only="all"' in client.get("/?only=all").text
    assert 'data-only=""' in client.get("/?view=chairs").text


def test_boards_show_initials_at_a_counter_until_names_are_asked_for(session, harbor, course, signed_in):
    infusion = visit(course, "infusion-1")
    on = infusion.local_start.date()
    client = signed_in(harbor, "alice")
    boards_of_the_day = [f"/board/{on}{view}" for view in ("", "?view=people", "/week", "/agenda", "/grid")]

    def named(words):
        return [words in client.get(address).text for address in boards_of_the_day]

    assert named("Nora Lindqvist") == [True] * 5
    assert client.post("/board/names", data={"names": "initials"}).status_code == 303
    assert named("Nora Lindqvist") == [False] * 5
    assert named("N.L.") == [True] * 5
    client.post("/board/names", data={"names": "names"})
    assert named("Nora Lindqvist") == [True] * 5


def test_closed_time_says_why_across_it_but_not_why_a_person_is_away(session, harbor, course, signed_in):
    start = visit(course, "infusion-1").start_at
    chair, nina = harbor.places["Chair 3"].resource, harbor.people["Nina"].resource
    until = start + timedelta(hours=1)
    schedules.close(session, harbor.command, start, until, NOW, chair, reason="Upholstery repair")
    schedules.close(session, harbor.command, start, until, NOW, nina, ClosureKind.LEAVE, "Surgery")
    session.commit()
    on = start.astimezone(harbor.clinic.zone).date()
    client = signed_in(harbor, "alice")

    assert re.search(r'class="shade [^>]*>Upholstery repair<', client.get(f"/board/{on}").text)
    assert re.search(r'class="shade [^>]*>Upholstery repair<', client.get(f"/board/{on}/week").text)
    people = client.get(f"/board/{on}?view=people").text
    assert re.search(r'class="shade [^>]*>Away<', people)
    assert "Surgery" not in people


def test_a_week_draws_each_chair_of_each_day_with_its_visits_at_their_time(
    session, harbor, course, signed_in
):
    infusion = visit(course, "infusion-1")
    on = infusion.local_start.date()
    page = signed_in(harbor, "alice").get(f"/board/{on}/week").text
    lane = page.partition(f'aria-label="{infusion.location.name}, {USUAL.day(on)}"')[2].partition("</div>")[0]
    column = (infusion.local_start.hour - 8) * 12 + infusion.local_start.minute // 5 + 1

    assert re.search(rf'class="slot [^"]* c{column} k25" data-visit="{infusion.public_id}"', lane)
    assert (
        page.count('class="track hours10" data-place=') == 4 * 5
    )  # three chairs and a room; two days are closed
