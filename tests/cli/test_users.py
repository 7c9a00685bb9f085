import json
from contextvars import Context

import pytest
from flask_security import verify_password
from sqlalchemy import func, select

from scheduler.clock import now
from scheduler.models.user import Membership, StaffRole, User, by_email
from scheduler.models.user_session import open_of
from scheduler.services.account import sessions
from tests.cast import PASSWORD
from tests.engines import both


@both
def test_an_account_is_made_with_a_password_shown_once(app, session, harbor):
    result = run(app, "user", "create", "Eve@example.org", "--role", "nurse", "--json")

    made = json.loads(result.output)
    eve = by_email(session, "eve@example.org")
    assert (made["email"], made["role"], made["clinic"]) == ("eve@example.org", "nurse", "harbor")
    assert verify_password(made["password"], eve.password)
    assert [(row.clinic_id, row.role) for row in eve.memberships] == [(harbor.clinic.id, StaffRole.NURSE)]


def test_a_given_password_is_not_printed(app, session, harbor):
    result = run(app, "user", "create", "eve@example.org", "--role", "nurse", "--password", PASSWORD)

    assert result.output == "eve@example.org is now nurse at harbor\n"
    assert verify_password(PASSWORD, by_email(session, "eve@example.org").password)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (
            ["alice@example.org", "--role", "nurse"],
            "Error: email: belongs to a member of this clinic already\n",
        ),
        (["eve", "--role", "nurse"], "Error: email: is not an email address\n"),
        (["eve@example.org", "--role", "nurse", "--clinic", "moon"], "Error: There is no clinic moon.\n"),
        (
            ["eve@example.org", "--role", "nurse", "--password", "short"],
            "Error: password: must have 12 to 128 characters\n",
        ),
    ],
)
def test_a_refusal_is_one_line_and_writes_nothing(app, session, harbor, arguments, error):
    before = session.scalar(select(func.count(User.id))), session.scalar(select(func.count(Membership.id)))
    session.commit()
    result = run(app, "user", "create", *arguments)

    after = session.scalar(select(func.count(User.id))), session.scalar(select(func.count(Membership.id)))
    assert (result.exit_code, result.output, after) == (1, error, before)


def test_with_several_clinics_one_must_be_named(app, harbor, hill):
    result = run(app, "user", "create", "eve@example.org", "--role", "nurse")

    assert (result.exit_code, result.output) == (
        1,
        "Error: There are several clinics; say which with --clinic: harbor, hill.\n",
    )


def test_a_person_is_signed_out_everywhere(app, session, harbor):
    alice = harbor.users["alice"]
    sessions.begin(session, alice, now(), "192.0.2.1", "Desk/1", now())
    session.commit()
    result = run(app, "user", "end-sessions", "alice@example.org")

    session.rollback()
    assert result.output == "alice@example.org is signed out everywhere\n"
    assert open_of(session, alice.id) == []


def test_a_service_account_is_made_without_a_password(app, session, harbor):
    made = run(app, "user", "create-service", "Records", "--role", "nurse").output.strip()
    refused = run(app, "user", "create-service", "Records", "--role", "admin")

    session.rollback()
    robot = by_email(session, made)
    assert (robot.is_service, robot.password, robot.name) == (True, None, "Records")
    assert refused.exit_code == 2


def run(app, *arguments):
    return Context().run(app.test_cli_runner().invoke, args=arguments)
