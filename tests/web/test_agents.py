"""A browser's name in words."""

import pytest

from scheduler.web.agents import browser_name


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
            "Version/18.5 Mobile/15E148 Safari/604.1",
            "Mobile Safari on iOS",
        ),
        ("\x00 nothing known", "unknown"),
        ("", "unknown"),
    ],
)
def test_a_browser_is_named(agent, name):
    assert browser_name(agent) == name
