"""Several clocks at once, and clinics that go wrong: nothing is done twice, and a broken clinic harms no other."""

import logging
import time
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from scheduler.database import begin_write, db
from scheduler.domain.status import CarePlanStatus
from scheduler.models.appointment_event import AppointmentEvent
from scheduler.models.audit_event import AuditEvent
from scheduler.models.audit_head import AuditHead
from scheduler.models.care_plan import CarePlan
from scheduler.models.idempotency_key import IdempotencyKey
from scheduler.models.job_run import JobRun
from scheduler.models.message import Message, MessageKind
from scheduler.processes import clock_jobs
from scheduler.processes.clock_jobs import ClockJob
from scheduler.processes.sealing import seal_trails
from scheduler.services import locks
from scheduler.services.day import digest
from scheduler.services.patient import erasure
from scheduler.services.visit import changes
from tests.cast import NOW, StaffRole, add_patient, found, hire
from tests.clocks import StandingClock
from tests.engines import both
from tests.services.courses import book

SEVEN = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)  # in New York
postgresql = pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)


@pytest.fixture
def two(app, session):
    """Two clocks' sessions on one database, each in a writing transaction."""
    session.commit()
    with Session(db.engine) as first, Session(db.engine) as second:
        begin_write(first)
        begin_write(second)
        second.execute(text("SET LOCAL lock_timeout = '20s'"))
        yield first, second


@pytest.fixture
def at(app):
    """Let the clock's jobs run at an instant."""
    app.extensions["clock"] = clock = StandingClock()

    def at(instant):
        clock.time = instant

    return at


def digests(session):
    session.rollback()
    query = select(Message.user_id, func.count()).where(Message.kind == MessageKind.DIGEST)
    return dict(session.execute(query.group_by(Message.user_id)).all())


def clinic_of(session, cast):
    return session.get_one(type(cast.clinic), cast.clinic.id)


@postgresql
def test_two_clocks_write_each_digest_once(session, harbor, two):
    first, second = two
    counts = [digest.enqueue_due(one, clinic_of(one, harbor), SEVEN) for one in (first, second)]
    first.commit()
    second.commit()
    begin_write(second)
    counts.append(digest.enqueue_due(second, clinic_of(second, harbor), SEVEN))
    second.commit()

    assert counts == [3, 0, 0]
    assert set(digests(session).values()) == {1}


@postgresql
def test_two_clocks_release_a_reservation_once(app, session, harbor):
    """The second finds it locked, waits for the first, and then finds it released."""
    plan = book(session, harbor)
    plan.status, plan.expires_at = CarePlanStatus.DRAFT, NOW - timedelta(minutes=1)
    session.commit()
    before = events(session)
    with Session(db.engine) as first, Session(db.engine) as second:
        begin_write(first)
        begin_write(second)
        second.execute(text("SET LOCAL lock_timeout = '200ms'"))
        assert changes.release_expired(first, clinic_of(first, harbor), NOW) == 1
        waited = pytest.raises(Exception, match="LockNotAvailable")
        with waited:
            changes.release_expired(second, clinic_of(second, harbor), NOW)
        second.rollback()
        first.commit()
        begin_write(second)
        assert changes.release_expired(second, clinic_of(second, harbor), NOW) == 0
        second.commit()

    assert audited(session, "care-plan.expired") == 1
    assert events(session) >= before


@postgresql
def test_two_clocks_erase_a_patient_once(session, harbor, two):
    session.rollback()
    harbor.clinic.settings_document = {"retention_years": 7}
    add_patient(session, harbor, "Olga", "Old").created_at = NOW - timedelta(days=366 * 8)
    session.commit()
    first, second = two
    first.rollback()
    second.rollback()
    begin_write(first)
    begin_write(second)
    counts = [erasure.erase_due(one, clinic_of(one, harbor), NOW) for one in (first, second)]
    first.commit()
    second.commit()

    assert counts == [1, 0]
    assert audited(session, "patient.erased") == 1


@postgresql
def test_a_clinics_turn_ends_with_the_transaction_and_holds_up_no_other_clinic_and_no_other_job(two):
    first, second = two
    taken = [
        locks.take_job(first, "digest", 1),
        locks.take_job(first, "digest", 1),
        locks.take_job(second, "digest", 1),
        locks.take_job(second, "digest", 2),
        locks.take_job(second, "expiry", 1),
    ]
    first.commit()

    assert taken == [True, True, False, True, True]
    assert locks.take_job(second, "digest", 1)


@postgresql
def test_the_turn_of_a_clock_that_has_gone_without_a_word_is_given_back(two, monkeypatch):
    monkeypatch.setattr(locks, "GONE_AFTER", "50ms")
    first, second = two
    assert locks.take_job(first, "inbox")
    given_back, last = False, time.monotonic() + 20
    while not given_back and time.monotonic() < last:
        second.rollback()
        given_back = locks.take_job(second, "inbox")

    assert given_back
    with pytest.raises(DBAPIError, match="idle-in-transaction") as raised:
        first.execute(text("SELECT 1"))
    assert raised.value.connection_invalidated


@both
def test_a_clinic_whose_data_are_broken_harms_no_other(app, session, harbor, hill, at, caplog):
    """Hill's zone is one that no zone database knows."""
    hill.clinic.zone_name = "Atlantis/Poseidonis"
    session.commit()
    at(SEVEN)
    caplog.set_level(logging.INFO)
    clock_jobs.run(app, ClockJob("digest", 60, lambda: clock_jobs.write_digests(app)))
    session.expire_all()
    sign = session.scalars(select(JobRun).where(JobRun.name == "digest")).one()

    assert set(digests(session)) == {harbor.users[name].id for name in ("ada", "mona", "alice")}
    assert sign.failed == 1
    assert sign.outcome == f"wrote 3; failed for clinic {hill.clinic.id} (ZoneInfoNotFoundError)"
    assert f"job digest failed for clinic {hill.clinic.id}" in caplog.text


@both
def test_a_trail_that_cannot_be_sealed_harms_no_other(app, session, harbor, hill, at):
    """Harbor's head was set back, so its next serial number is taken already."""
    session.commit()
    at(NOW)
    clock_jobs.run(app, ClockJob("seal", 5, lambda: seal_trails(app)))
    session.get_one(AuditHead, harbor.clinic.id).serial = 0
    for cast in (harbor, hill):
        add_patient(session, cast, "Zoe", "New")
    session.commit()
    clock_jobs.run(app, ClockJob("seal", 5, lambda: seal_trails(app)))
    session.expire_all()
    open_ones = set(session.scalars(select(AuditEvent.clinic_id).where(AuditEvent.serial.is_(None))))
    sign = session.scalars(select(JobRun).where(JobRun.name == "seal")).one()

    assert open_ones == {harbor.clinic.id}
    assert (sign.failed, sign.outcome) == (
        1,
        f"sealed 1; failed for clinic {harbor.clinic.id} (IntegrityError)",
    )


@both
def test_a_failure_is_forgotten_once_a_run_has_gone_well(app, session, harbor, hill, at):
    hill.clinic.zone_name = "Atlantis/Poseidonis"
    session.commit()
    at(SEVEN)
    job = ClockJob("digest", 60, lambda: clock_jobs.write_digests(app))
    clock_jobs.run(app, job)
    hill.clinic.zone_name = "Europe/Berlin"
    session.commit()
    clock_jobs.run(app, job)
    session.expire_all()

    assert [row.failed for row in session.scalars(select(JobRun).where(JobRun.name == "digest"))] == [0]


def test_only_the_clinics_that_are_due_are_gone_through(app, session, harbor, hill, at):
    """Hill is in Berlin, where it is one in the afternoon."""
    paris = found(session, "paris", "Clinique", "Europe/Paris")
    hire(session, paris, "paula", StaffRole.ADMIN)
    plan = book(session, harbor)
    session.commit()
    none = changes.clinics_with_expired(session, NOW)
    plan.status, plan.expires_at = CarePlanStatus.DRAFT, NOW
    session.commit()
    before = digest.due_clinics(session, SEVEN)
    digest.enqueue_due(session, harbor.clinic, SEVEN)

    assert list(none) == []
    assert list(changes.clinics_with_expired(session, NOW)) == [harbor.clinic.id]
    assert list(before) == [harbor.clinic.id]
    assert list(digest.due_clinics(session, SEVEN)) == []
    assert session.get_one(CarePlan, plan.id).status is CarePlanStatus.DRAFT


def events(session):
    session.rollback()
    return session.scalar(select(func.count()).select_from(AppointmentEvent))


def audited(session, event):
    session.rollback()
    return session.scalar(select(func.count()).where(AuditEvent.event == event))


def add_answer(session, cast, key, at):
    session.add(
        IdempotencyKey(
            clinic_id=cast.clinic.id,
            caller="token:1",
            route="POST /api/v1/patients",
            key=key,
            body_digest="0" * 64,
            status=201,
            answer=None,
            created_at=at,
        )
    )
    session.commit()


@both
def test_pruning_forgets_what_is_kept_for_a_day(app, session, harbor, at):
    add_answer(session, harbor, "old", NOW - timedelta(days=2))
    add_answer(session, harbor, "new", NOW)
    at(NOW)

    assert clock_jobs.prune(app) == "forgot 1"
    assert session.scalars(select(IdempotencyKey.key)).all() == ["new"]


@postgresql
def test_only_one_clock_prunes(app, session, harbor, two, at):
    first, _ = two
    add_answer(session, harbor, "old", NOW - timedelta(days=2))
    at(NOW)
    assert locks.take_job(first, "prune")

    assert clock_jobs.prune(app) == "another clock process runs it"
    assert session.scalars(select(IdempotencyKey.key)).all() == ["old"]
