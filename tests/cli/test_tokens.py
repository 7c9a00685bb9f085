import json
from datetime import timedelta

from sqlalchemy import func, select

from scheduler.clock import now
from scheduler.models.api_token import ApiToken
from scheduler.services.account.accounts import caller_of
from tests.cli.test_users import run
from tests.engines import both


@both
def test_a_token_is_printed_once_and_acts_for_its_user(app, session, harbor):
    result = run(app, "token", "create", "--user", "alice@example.org", "--name", "phone")

    actor, _ = caller_of(session, result.output.strip(), now(), "")
    assert actor.user.email == "alice@example.org"
    assert session.scalar(select(ApiToken.name)) == "phone"


def test_a_token_may_end(app, session, harbor):
    result = run(
        app, "token", "create", "--user", "alice@example.org", "--name", "x", "--days", "2", "--json"
    )

    text = json.loads(result.output)["token"]
    assert caller_of(session, text, now() + timedelta(days=1), "") is not None
    assert caller_of(session, text, now() + timedelta(days=2), "") is None


def test_a_token_needs_an_account(app, session, harbor, hill):
    unknown = run(app, "token", "create", "--user", "eve@example.org", "--name", "x", "--clinic", "harbor")
    foreign = run(app, "token", "create", "--user", "oscar@example.org", "--name", "x", "--clinic", "harbor")

    assert unknown.output == "Error: there is no account eve@example.org\n"
    assert foreign.output == "Error: No such member of this clinic\n"
    assert (unknown.exit_code, foreign.exit_code) == (1, 1)
    assert session.scalar(select(func.count(ApiToken.id))) == 0
