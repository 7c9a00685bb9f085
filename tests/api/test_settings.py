"""A program reads and changes a clinic's settings, within the bounds that the pages have."""

from dataclasses import fields

from sqlalchemy import select

from scheduler.domain.settings import ClinicSettings
from scheduler.models.audit_event import AuditEvent


def test_every_setting_is_shown(api, harbor):
    shown = api(harbor, "mona").get("/settings").json

    assert shown.keys() == {one.name for one in fields(ClinicSettings)} - {"mail_texts"} | {"planner_preset"}


def test_a_change_is_checked_kept_and_audited(session, api, harbor):
    mona = api(harbor, "mona")
    changed = mona("PATCH", "/settings", {"booster_days": 14, "clock_24_hours": True}).json
    wrong = mona("PATCH", "/settings", {"quiet_from": "25:00", "booster_days": 9})
    unknown = mona("PATCH", "/settings", {"colour": "blue"})
    weight = mona("PATCH", "/settings", {"planner_weights": {"gap_day": -1}})

    assert (changed["booster_days"], changed["clock_24_hours"]) == (14, True)
    assert (wrong.status_code, wrong.json["errors"][0]["field"]) == (422, "quiet_from")
    assert unknown.status_code == 422
    assert (weight.status_code, weight.json["errors"][0]["field"]) == (422, "planner_weights.gap_day")
    assert mona.get("/settings").json["booster_days"] == 14  # nothing of a refused change
    session.rollback()
    event = session.scalars(select(AuditEvent).where(AuditEvent.event == "clinic.changed")).one()
    assert sorted(event.fields) == ["booster_days", "clock_24_hours"]


def test_a_preset_sets_the_weights_and_weights_are_changed_after_it(api, harbor):
    mona = api(harbor, "mona")
    shown = mona.get("/settings").json
    soonest = mona("PATCH", "/settings", shown | {"planner_preset": "soonest"}).json
    own = mona("PATCH", "/settings", {"planner_preset": "spacing", "planner_weights": {"quarter": 0}}).json
    same = mona("PATCH", "/settings", own).json
    unknown = mona("PATCH", "/settings", {"planner_preset": "fastest"})

    assert (shown["planner_preset"], soonest["planner_preset"]) == ("balanced", "soonest")
    assert soonest["planner_weights"]["completion_day"] == 600
    assert (own["planner_preset"], own["planner_weights"]["gap_day"]) == ("custom", 1200)
    assert own["planner_weights"]["quarter"] == 0
    assert same == own
    assert unknown.status_code == 422
