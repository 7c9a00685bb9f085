"""Paths that hold a key: neither our logs nor those of the shipped proxies keep one."""

import re

from scheduler import redaction
from tests.running import ROOT

TOKEN = "k" * 43
ABSENT = "security."  # Flask-Security's own pages, which answer 404


def test_no_log_of_ours_or_of_a_shipped_proxy_keeps_the_key_of_a_path(app):
    nginx = re.findall(r"^ +~(\S+) +0;$", (ROOT / "deploy/nginx.conf").read_text(), re.MULTILINE)
    caddy = re.search(r'uri regexp "(.+)" "\$\{1\}"$', (ROOT / "deploy/Caddyfile").read_text(), re.MULTILINE)[
        1
    ]
    rules = [rule for rule in app.url_map.iter_rules() if "token" in rule.arguments]
    private = {filled(rule.rule) for rule in rules if not rule.endpoint.startswith(ABSENT)}
    private |= {f"/feeds/{TOKEN}.ics", f"//feeds/{TOKEN}.ics"}

    assert {path for path in private if TOKEN in redaction.redact(path)} == set()
    assert {path for path in private if not any(re.search(one, path) for one in nginx)} == set()
    assert {path for path in private if TOKEN in re.sub(caddy, r"\1", path)} == set()
    assert any("/by-mail/" in path for path in private)


def filled(rule):
    return re.sub(r"<.*?>", "x", rule.replace("<token>", TOKEN))
