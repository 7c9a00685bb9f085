"""nginx and Caddy run as shipped: whose address is written down, what is logged, how much passes."""

import json
import socket
import ssl

import pytest
import requests
from sqlalchemy import select

from scheduler.models.audit_event import AuditEvent
from scheduler.services.account import accounts
from tests.cast import NOW
from tests.chaos.drill_storm import serve
from tests.chaos.proxies import NAME, behind_caddy, behind_nginx
from tools.processes import LOOPBACK

TOKEN = "k" * 43
FORGED = {"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}
PRIVATE = [
    f"/feeds/{TOKEN}.ics",
    f"/visits/{TOKEN}",
    f"/account/password/{TOKEN}",
    f"/account/invitations/by-mail/{TOKEN}",
    f"//feeds/{TOKEN}.ics",
]


@pytest.mark.parametrize("proxy", [behind_nginx, behind_caddy])
def test_a_proxy_as_shipped(proxy, system, session, harbor, tmp_path):
    text = accounts.create_token(session, harbor.command, harbor.users["ada"], "drill", NOW)[1]
    session.commit()
    system.environ["TRUSTED_PROXIES"] = "1"
    serve(system)
    with proxy(tmp_path, int(system.environ["PORT"])) as front, requests.Session() as line:
        line.trust_env = False
        line.headers["Authorization"] = f"Bearer {text}"

        made = line.post(f"{front.url}/api/v1/patients", json=person(), headers=FORGED, timeout=60)
        private = [line.get(f"{front.url}{path}", timeout=60).status_code for path in PRIVATE]
        searched = line.get(f"{front.url}/patients?search=Lindqvist", timeout=60, allow_redirects=False)
        table = "given_name,family_name\n" + "x" * 2_000_000
        imported = line.post(
            f"{front.url}/api/v1/imports/patients", json={"format": "csv", "content": table}, timeout=60
        )
        too_large = line.post(f"{front.url}/api/v1/patients", data=b"x" * 1_500_000, timeout=60)
        health = line.get(f"{front.url}/healthz", timeout=60).status_code
        if front.tls_port:
            assert protocol(front.tls_port) in ("TLSv1.2", "TLSv1.3")
        system.stop("web")
        away = {line.get(f"{front.url}{path}", timeout=60).status_code for path in PRIVATE}
    logged = front.log.read_text()
    written = "".join(one.read_text(errors="replace") for one in front.log.parent.iterdir() if one.is_file())

    assert made.status_code == 201
    assert written_addresses(session, made.json()["id"]) == {LOOPBACK}
    assert private == [404, 404, 410, 410, 404]
    assert searched.status_code == 303
    assert imported.status_code == 202, imported.text
    assert too_large.status_code == 413
    assert health in (200, 503)  # the clock does not run here
    assert away == {502}
    assert "/api/v1/patients" in logged
    assert [word for word in (TOKEN, "Lindqvist", text) if word in written] == []


def person():
    return json.loads('{"given_name": "Zoe", "family_name": "Proxied"}')


def written_addresses(session, patient):
    session.rollback()
    return set(session.scalars(select(AuditEvent.address).where(AuditEvent.object_id == patient)))


def protocol(port):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection((LOOPBACK, port), timeout=30) as line,
        context.wrap_socket(line, server_hostname=NAME) as secured,
    ):
        return secured.version()
