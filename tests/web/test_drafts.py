"""The key of drafts: one a user and clinic, in pages of staff alone."""

import re

KEY = re.compile(r'<meta name="draft-key" content="([^"]{44})"')


def key_of(client):
    found = KEY.search(client.get("/patients").text)
    assert found is not None
    return found[1]


def test_a_user_has_the_same_key_in_every_session(harbor, signed_in):
    assert key_of(signed_in(harbor, "alice")) == key_of(signed_in(harbor, "alice"))


def test_each_user_has_a_key_of_their_own(harbor, signed_in):
    assert key_of(signed_in(harbor, "alice")) != key_of(signed_in(harbor, "mona"))


def test_a_locked_session_has_no_key(harbor, signed_in, later):
    desk = signed_in(harbor, "alice")
    later(minutes=16)
    locked = desk.get("/account/locked")

    assert locked.status_code == 200
    assert "draft-key" not in locked.text
