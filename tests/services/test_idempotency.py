from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from scheduler.database import begin_write, db
from scheduler.errors import Invalid, KeyInFlight, KeyReused
from scheduler.models.idempotency_key import IdempotencyKey
from scheduler.services.idempotency import (
    KEPT_FOR,
    IdempotentRequest,
    StoredResponse,
    prune,
    recall,
    remember,
)
from tests.cast import NOW
from tests.engines import both

ANSWER = StoredResponse(201, '{"b":1,"a":"é"}', {"Location": "/api/v1/care-plans/x"})


@pytest.fixture
def question(harbor):
    return IdempotentRequest(harbor.clinic.id, "token:abc", "POST /api/v1/care-plans", "key-1", b'{"x":1}')


@both
def test_the_second_request_gets_the_first_answer(session, question):
    assert recall(session, question, NOW) is None
    remember(session, question, ANSWER, NOW)
    session.commit()

    assert recall(session, question, NOW + KEPT_FOR - timedelta(seconds=1)) == ANSWER


@both
def test_another_body_is_refused(session, question):
    remember(session, question, ANSWER, NOW)

    with pytest.raises(KeyReused):
        recall(session, changed(question, body=b'{"x":2}'), NOW)


@pytest.mark.parametrize("change", [{"caller": "token:xyz"}, {"route": "POST /elsewhere"}, {"key": "key-2"}])
def test_a_key_belongs_to_one_caller_and_one_route(session, question, change):
    remember(session, question, ANSWER, NOW)

    assert recall(session, changed(question, **change), NOW) is None


@both
def test_a_key_is_new_again_after_a_day(session, question):
    remember(session, question, ANSWER, NOW)
    later = NOW + KEPT_FOR

    assert recall(session, changed(question, body=b"other"), later) is None
    remember(session, question, ANSWER, later)
    assert session.scalar(select(func.count(IdempotencyKey.id))) == 1


def test_a_rolled_back_request_leaves_no_answer(session, question):
    remember(session, question, ANSWER, NOW)
    session.rollback()

    assert recall(session, question, NOW) is None


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_a_request_beside_the_first_is_told_to_wait(app, question):
    with Session(db.engine) as first, Session(db.engine) as second:
        begin_write(first)
        recall(first, question, NOW)
        remember(first, question, ANSWER, NOW)
        with pytest.raises(KeyInFlight):
            recall(second, question, NOW)
        second.rollback()
        first.commit()

        assert recall(second, question, NOW) == ANSWER


@pytest.mark.parametrize("key", ["", "a\nb", "a" * 201])
def test_a_key_that_cannot_be_kept_is_refused(session, question, key):
    with pytest.raises(Invalid):
        recall(session, changed(question, key=key), NOW)


def test_old_answers_are_forgotten(session, question):
    remember(session, question, ANSWER, NOW)
    remember(session, changed(question, key="key-2"), ANSWER, NOW + timedelta(hours=1))

    assert prune(session, NOW + KEPT_FOR) == 1
    assert session.scalars(select(IdempotencyKey.key)).all() == ["key-2"]


def changed(question, **changes):
    fields = {name: getattr(question, name) for name in question.__slots__}
    return IdempotentRequest(**(fields | changes))
