"""Plan definitions of a clinic: versions that never change."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy.orm import Session

from scheduler.errors import NotFound
from scheduler.models.clinic import Clinic
from scheduler.services.actors import Actor
from scheduler.services.clinic import plans
from tests.engines import both

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)


@pytest.fixture
def actor(session: Session) -> Actor:
    clinics = [Clinic(key=key, name=key, zone_name="America/New_York") for key in ("north", "south")]
    session.add_all(clinics)
    session.flush()
    return Actor(clinics[0], None, None, "command")


@both
def test_a_plan_comes_back_as_it_was_loaded(session: Session, actor: Actor) -> None:
    for plan in plans.shipped():
        plans.load(session, actor, plan, NOW)
    session.commit()
    session.expire_all()

    assert [plans.current(session, actor.clinic, plan.key).plan for plan in plans.shipped()] == list(
        plans.shipped()
    )


def test_a_changed_plan_is_a_new_version_and_the_old_one_stays(session: Session, actor: Actor) -> None:
    plan = next(iter(plans.shipped()))
    first, _ = plans.load(session, actor, plan, NOW)
    second, added = plans.load(session, actor, replace(plan, title="Another"), NOW)

    assert (first.version, first.title, second.version, second.title, added) == (
        1,
        plan.title,
        2,
        "Another",
        True,
    )
    assert plans.current(session, actor.clinic, plan.key) is second


def test_an_unchanged_plan_adds_nothing(session: Session, actor: Actor) -> None:
    plan = next(iter(plans.shipped()))
    first, _ = plans.load(session, actor, plan, NOW)

    assert plans.load(session, actor, replace(plan, version=7), NOW) == (first, False)


def test_a_retired_plan_comes_back_as_a_new_version(session: Session, actor: Actor) -> None:
    plan = next(iter(plans.shipped()))
    first, _ = plans.load(session, actor, plan, NOW)
    first.retired_at = NOW
    with pytest.raises(NotFound):
        plans.current(session, actor.clinic, plan.key)

    second, added = plans.load(session, actor, plan, NOW)

    assert (second.version, added) == (2, True)


def test_another_clinic_has_its_own(session: Session, actor: Actor) -> None:
    plan = next(iter(plans.shipped()))
    plans.load(session, actor, plan, NOW)
    other = session.query(Clinic).filter_by(key="south").one()

    with pytest.raises(NotFound):
        plans.current(session, other, plan.key)
