"""How courses are placed, on its settings page: the clinic's own weights, their bounds, and the way back."""

import re
from datetime import date

from sqlalchemy import select

from scheduler.models.audit_event import AuditEvent
from scheduler.services.clinic import planner_weights
from scheduler.services.planning import proposals
from tests.cast import NOW, SETTINGS
from tests.services.courses import wishes


def form(client, **changes):
    """Return what the page's form would send, with changes."""
    text = client.get("/settings/placing").text
    inputs = re.findall(r'<input class="form-control"[^>]*?name="(\w+)"[^>]*?value="([^"]*)"', text)
    chosen = re.search(r'name="usable_ticks".*?<option value="(\d+)" selected', text, re.DOTALL).group(1)
    return dict(inputs) | {"usable_ticks": chosen} | changes


def test_what_is_saved_is_shown_and_used_from_then_on(session, harbor, signed_in):
    client = signed_in(harbor, "mona")
    before = days(session, harbor)
    answer = client.post("/settings/placing", data=form(client, completion_day="320", midday_from="12:00"))
    session.rollback()

    assert answer.status_code == 303
    assert harbor.clinic.settings.planner_weights == {"completion_day": 320, "midday_from": "12:00"}
    assert form(client)["completion_day"] == "320"
    assert days(session, harbor) < before


def days(session, cast):
    """Return after how many days the best course ends."""
    best = proposals.propose(session, cast.actor("alice"), wishes(session, cast), NOW)[0]
    cost = next(term.cost for term in best.terms if term.key == "completion")
    return cost // planner_weights.of(cast.clinic).completion_day


def test_a_weight_out_of_bounds_is_refused_by_its_name_and_nothing_is_saved(session, harbor, signed_in):
    client = signed_in(harbor, "mona")
    answer = client.post("/settings/placing", data=form(client, gap_day="2001", quarter="x", therapist="7"))
    session.rollback()

    assert answer.status_code == 422
    assert re.findall(r'id="(\w+)-wrong">([^<]*)<', answer.text) == [
        ("gap_day", "must be a whole number from 0 to 2000"),
        ("quarter", "must be a whole number from 0 to 500"),
    ]
    assert 'value="2001"' in answer.text
    assert harbor.clinic.settings.planner_weights == {}


def chosen_preset(client):
    return re.findall(r'name="preset" value="([\w-]+)" checked', client.get("/settings/placing").text)


def test_a_preset_is_chosen_and_replaces_own_weights(session, harbor, signed_in):
    client = signed_in(harbor, "mona")
    first = chosen_preset(client)
    client.post("/settings/placing", data=form(client, gap_day="0"))
    own = chosen_preset(client)
    unchanged = client.post("/settings/placing/preset", data={"preset": "custom"})
    session.rollback()
    assert (first, own, unchanged.status_code) == (["balanced"], ["custom"], 303)
    assert harbor.clinic.settings.planner_weights == {"gap_day": 0}

    before = days(session, harbor)
    client.post("/settings/placing/preset", data={"preset": "soonest"})
    session.rollback()
    assert chosen_preset(client) == ["soonest"]
    assert form(client)["completion_day"] == "600"
    assert days(session, harbor) <= before

    answer = client.post("/settings/placing/preset", data={"preset": "balanced"})
    session.rollback()
    assert answer.status_code == 303
    assert harbor.clinic.settings_document == SETTINGS


def test_what_is_no_preset_is_refused(session, harbor, signed_in):
    answer = signed_in(harbor, "mona").post("/settings/placing/preset", data={"preset": "fastest"})

    assert answer.status_code == 422
    assert harbor.clinic.settings_document == SETTINGS


def test_the_trail_names_the_weight(session, harbor, signed_in):
    client = signed_in(harbor, "mona")
    client.post("/settings/placing", data=form(client, gap_day="0"))
    session.rollback()
    event = session.scalars(select(AuditEvent).where(AuditEvent.event == "clinic.changed")).one()

    assert (event.fields, event.user_id) == (["planner_weights.gap_day"], harbor.users["mona"].id)


def test_only_who_may_changes_them(harbor, signed_in):
    client = signed_in(harbor, "alice")

    assert client.post("/settings/placing", data={}).status_code == 403
    assert client.post("/settings/placing/preset", data={"preset": "balanced"}).status_code == 403


def test_holidays_are_closed_and_opened_one_by_one(session, harbor, signed_in):
    client = signed_in(harbor, "mona")
    client.post("/settings/holidays/2026-12-25/closure", data={})
    closed = states(client, 2026)
    client.post("/settings/holidays/2026-12-25/opening", data={})

    assert closed == {"2026-11-26": "Open", "2026-12-25": "Closed"}
    assert states(client, 2026)["2026-12-25"] == "Open"


def states(client, year):
    """Return what the page says of each holiday that is still ahead."""
    text = client.get(f"/settings/holidays?year={year}").text
    found = re.findall(
        r'<time datetime="([\d-]+)".*?aria-hidden="true"></i>(\w[\w ]*)</span>', text, re.DOTALL
    )
    return {on: state for on, state in found if on >= f"{NOW.date()}"}


def test_closing_a_holiday_says_how_many_visits_must_move(session, harbor, course, signed_in):
    client = signed_in(harbor, "mona")
    infusion = next(one for one in course.appointments if one.local_start.date() == date(2026, 12, 25))
    client.post("/settings/holidays/2026-12-25/closure", data={})

    assert infusion.status.is_live
    assert "See Closures to reschedule" in client.get("/settings/holidays?year=2026").text


def test_all_of_a_years_holidays_are_closed_at_once(harbor, signed_in):
    client = signed_in(harbor, "mona")
    client.post("/settings/holidays/2027/all", data={})
    shown = states(client, 2027)

    weekend = [on for on in shown if date.fromisoformat(on).isoweekday() > 5]
    assert shown["2027-07-05"] == "Closed"  # on which a Sunday's is observed
    assert {on: shown.pop(on) for on in weekend} == dict.fromkeys(weekend, "No hours")
    assert set(shown.values()) == {"Closed"}


def test_what_closes_longer_is_not_opened_by_the_day(session, harbor, signed_in):
    client = signed_in(harbor, "mona")
    winter = {"first_on": "2026-12-24", "last_on": "2027-01-02", "reason": "Winter break"}
    client.post("/settings/closures", data=winter)
    answer = client.post("/settings/holidays/2026-12-25/opening", data={})

    assert answer.status_code == 409
    assert "by Winter break" in client.get("/settings/holidays?year=2026").text
    assert states(client, 2026)["2026-12-25"] == "Closed"


def test_another_state_has_other_holidays(session, harbor, signed_in):
    client = signed_in(harbor, "mona")
    client.post("/settings/holidays/region", data={"country": "DE", "subdivision": "NY"})
    germany = states(client, 2027)
    client.post("/settings/holidays/region", data={"country": "DE", "subdivision": "BY"})

    assert "2027-10-03" in germany
    assert "2027-01-06" not in germany
    assert "2027-01-06" in states(client, 2027)


def test_what_is_no_country_state_holiday_or_year_is_refused(session, harbor, signed_in):
    client = signed_in(harbor, "mona")
    nowhere = client.post("/settings/holidays/region", data={"country": "XX"})
    no_state = client.post("/settings/holidays/region", data={"country": "US", "subdivision": "BY"})

    assert [nowhere.status_code, no_state.status_code] == [422, 422]
    assert 'id="country-wrong"' in nowhere.text
    assert 'id="subdivision-wrong"' in no_state.text
    assert client.post("/settings/holidays/2026-12-23/closure", data={}).status_code == 422
    assert client.post("/settings/holidays/tomorrow/closure", data={}).status_code == 422
    assert client.get("/settings/holidays?year=1066").status_code == 404
    assert client.post("/settings/holidays/1066/all", data={}).status_code == 404
