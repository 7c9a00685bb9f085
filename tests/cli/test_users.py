import json
from contextvars import Context

import pytest
from flask_security import verify_password
from sqlalchemy import func, select

from scheduler.models.user import Membership, StaffRole, User, by_email
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
        (["eve", "--role", "nurse"], "Error: email: is not a mail address\n"),
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


def run(app, *arguments):
    return Context().run(app.test_cli_runner().invoke, args=arguments)
