"""Who completes a requirement by the API, and for how long it holds."""

from datetime import datetime, timedelta

import pytest

from scheduler.models.user import StaffRole
from tests.cast import NOW, hire

WHY = "does not apply to this patient"


@pytest.fixture
def programs(api, session, harbor):
    """Return a program for each role, by the role."""
    session.rollback()
    hire(session, harbor, "paul", StaffRole.PRESCRIBER)
    hire(session, harbor, "tess", StaffRole.THERAPIST)
    session.commit()
    names = ("ada", "mona", "alice", "nick", "paul", "tess")
    return {harbor.actor(name).role.value: api(harbor, name) for name in names}


def allowed(programs, path, body):
    """Return the roles that may, each undone by the prescriber before the next."""
    found = set()
    for role, program in programs.items():
        answer = program("PUT", path, body)
        assert answer.status_code in (200, 403), answer.text
        if answer.status_code == 200:
            found.add(role)
            assert programs["prescriber"]("PUT", path, {"completed": False}).status_code == 200
        elif "completed_by" in answer.json:
            assert answer.json["completed_by"]
    return found


def test_only_the_roles_that_the_protocol_names_complete_waive_or_reopen_a_requirement(programs, course):
    requirements = f"/care-plans/{course['id']}/requirements"

    assert allowed(programs, f"{requirements}/medical-clearance", {"completed": True}) == {"prescriber"}
    assert allowed(programs, f"{requirements}/pregnancy-test", {"completed": True}) == {"nurse", "prescriber"}
    assert allowed(programs, f"{requirements}/psychiatric-evaluation", {"completed": True}) == {
        "prescriber",
        "therapist",
    }
    waived = {"completed": True, "waived": True, "note": WHY}
    assert allowed(programs, f"{requirements}/medical-clearance", waived) == {"prescriber"}

    done = programs["prescriber"]("PUT", f"{requirements}/medical-clearance", {"completed": True}).json
    assert (done["recorded_by"], done["completed_by"]) == ("paul@example.org", ["prescriber"])
    reopened = [
        programs[role]("PUT", f"{requirements}/medical-clearance", {"completed": False}).status_code
        for role in ("admin", "manager", "front-desk", "nurse", "therapist")
    ]
    assert reopened == [403] * 5


def test_a_requirement_holds_no_longer_than_the_protocol_allows(programs, course):
    path, nick = f"/care-plans/{course['id']}/requirements/pregnancy-test", programs["nurse"]
    beyond = nick("PUT", path, {"completed": True, "valid_until": "2026-12-01"})
    past = nick("PUT", path, {"completed": True, "valid_until": "2026-11-22"})
    assert (beyond.status_code, past.status_code) == (422, 422)
    assert beyond.json["errors"] == [
        {"field": "valid_until", "reason": "must be Mon, Nov 30, 2026 at the latest: 7 days"}
    ]
    assert nick.get(path).json["completed_at"] is None

    kept = [
        nick("PUT", path, {"completed": True, **body}).json["valid_until"]
        for body in ({"valid_until": "2026-11-25"}, {"valid_until": "2026-11-30"}, {})
    ]
    assert kept == ["2026-11-25", "2026-11-30", "2026-11-30"]


def test_a_requirement_is_sent_back_unchanged_after_its_last_day(programs, course, travel):
    path, nick = f"/care-plans/{course['id']}/requirements/pregnancy-test", programs["nurse"]
    done = nick("PUT", path, {"completed": True, "valid_until": "2026-11-25"}).json
    travel(NOW + timedelta(days=7))

    assert nick("PUT", path, done).json == done
    renewed = nick("PUT", path, {"completed": True}).json
    assert (renewed["valid_until"], renewed["completed_at"] > done["completed_at"]) == ("2026-12-07", True)


def test_an_unchanged_waiver_needs_no_permission_to_override(programs, course):
    path, body = f"/care-plans/{course['id']}/requirements/pregnancy-test", {"completed": True, "note": WHY}
    waived = programs["prescriber"]("PUT", path, body | {"waived": True}).json
    answers = [
        programs["nurse"]("PUT", path, one) for one in (waived, waived | {"note": f"{WHY}, says the nurse"})
    ]

    assert [answer.status_code for answer in answers] == [200, 403]
    assert programs["nurse"].get(path).json == waived


@pytest.mark.parametrize("note", ["", ".", "too short", "-" * 20])
def test_a_waiver_says_why(programs, course, note):
    path = f"/care-plans/{course['id']}/requirements/medical-clearance"

    answer = programs["prescriber"]("PUT", path, {"completed": True, "waived": True, "note": note})

    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "note")


def test_a_manager_overrides_no_requirement_that_is_a_prescribers(programs, course, travel):
    visit = next(one for one in course["appointments"] if one["action"] == "infusion-1")
    travel(datetime.fromisoformat(visit["start"]))
    path = f"/appointments/{visit['id']}/check-in"

    by_manager = programs["manager"].post(path, {"override_reason": WHY})
    by_prescriber = programs["prescriber"].post(path, {"override_reason": WHY})

    assert (by_manager.status_code, by_manager.json["code"]) == (409, "requirement-open")
    assert by_prescriber.json["status"] == "checked-in"
