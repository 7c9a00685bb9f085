"""Many clients begin a request and do not go on: everybody else is served as if they were not there.

Fifty unfinished bodies and fifty unfinished heads, signed in and not, at every interface, straight at the web server;
meanwhile a program writes and a monitor looks. The control is a server that passes requests on before their bodies are
here to an application that takes the write lock first. Behind nginx with the shipped configuration (`make chaos`),
programs book at the same time.
"""

import re
import sys
import time
from urllib.error import HTTPError
from urllib.request import Request

import requests

from scheduler.services.account import accounts
from scheduler.services.account.accounts import set_password
from tests.cast import NOW, PASSWORD, add_place
from tests.chaos.bookers import bookers, figures
from tests.chaos.drill_storm import answers, serve
from tests.chaos.proxies import behind_nginx
from tests.chaos.report import tell
from tests.chaos.settings import FULL, SEED, rounds, short_on
from tests.chaos.slow_clients import routes, slow_clients
from tests.running import open_url

SLOW = 50  # of each kind
PATIENCE = 3.0 if FULL else 6.0  # seconds for a write; the smoke shares its cores with other tests
GIVE_UP = 5  # seconds after which the control has shown what it is to show


@short_on("sqlite")
def test_slow_requests(engine_name, system, session, harbor):
    text, cookie, csrf = known(system, session, harbor)
    asked = routes(text, f"{cookie}; x={csrf}")
    path = f"/api/v1/patients/{harbor.patients['Nora'].public_id}"
    undisturbed = probe(system.url, path, text, 3)[0]
    with slow_clients(int(system.environ["PORT"]), asked, SLOW, SLOW):
        write, health, silent = probe(system.url, path, text, rounds(8, 120))
    system.stop("web")
    planted = control(system, asked, path, text) if engine_name == "sqlite" else "not possible"
    tell(
        "slow-requests",
        engine_name,
        {
            "slow bodies": SLOW,
            "slow heads": SLOW,
            "worst write undisturbed ms": round(undisturbed * 1000),
            "worst write ms": round(write * 1000),
            "worst health ms": round(health * 1000),
            "clock silent": silent,
        },
        {"bug": "locks before the body is here", "write": planted},
    )

    assert write < PATIENCE
    assert health < PATIENCE
    assert silent == 0
    assert planted in ("refused or silent", "not possible")


@short_on("sqlite")
def test_slow_requests_behind_nginx(engine_name, app, system, session, harbor, tmp_path):
    for name in ("Room B", "Room C"):
        add_place(session, harbor, name, "room")
    session.commit()
    system.environ["TRUSTED_PROXIES"] = "1"
    text, cookie, csrf = known(system, session, harbor)
    with behind_nginx(tmp_path, int(system.environ["PORT"])) as proxy:
        calm = book(app, session, harbor, tmp_path / "calm", proxy.url)
        with slow_clients(proxy.port, routes(text, f"{cookie}; x={csrf}"), SLOW, SLOW):
            began = time.monotonic()
            health = get(f"{proxy.url}/healthz")
            health_ms = round((time.monotonic() - began) * 1000)
            stormy = book(app, session, harbor, tmp_path / "stormy", proxy.url)
    tell(
        "slow-requests-nginx",
        engine_name,
        {**stormy, "undisturbed p99 ms": calm["p99 ms"], "health ms": health_ms},
        {"bug": "none: the drill straight at the server has one"},
    )

    assert stormy["asked again"] == 0  # a booker asks again after any 5xx
    assert stormy["done"] > 0
    assert health == 200
    assert not FULL or stormy["p99 ms"] <= 2 * calm["p99 ms"]
    assert not FULL or health_ms < 1000


def known(system, session, harbor):
    """Start the system; return a program's token, and the cookie and CSRF token of somebody who is signed in."""
    text = accounts.create_token(session, harbor.command, harbor.users["alice"], "drill", NOW)[1]
    set_password(session, harbor.users["alice"], PASSWORD)
    session.commit()
    serve(system)
    system.start("clock")
    system.wait(system.is_well)
    with requests.Session() as browser:
        browser.trust_env = False
        page = browser.get(f"{system.url}/login", timeout=30)
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)[1]
        form = {"email": "alice@example.org", "password": PASSWORD, "csrf_token": token}
        browser.post(f"{system.url}/login", data=form, timeout=30, allow_redirects=False)
        return text, "; ".join(f"{one.name}={one.value}" for one in browser.cookies), token


def probe(url, path, text, times):
    """Write and look so many times; return the longest of each in seconds, and how often the clock was not well."""
    write = health = 0.0
    silent = 0
    for number in range(times):
        write = max(write, timed(lambda n=number: patch(f"{url}{path}", text, n)))
        began = time.monotonic()
        silent += get(f"{url}/healthz") != 200
        health = max(health, time.monotonic() - began)
        time.sleep(0.05)
    return write, health, silent


def timed(ask):
    began = time.monotonic()
    ask()
    return time.monotonic() - began


def patch(address, text, number, timeout=60):
    headers = {"Authorization": f"Bearer {text}", "Content-Type": "application/json"}
    body = f'{{"preferred_name": "N{number}"}}'.encode()
    with open_url(Request(address, body, headers, method="PATCH"), timeout=timeout) as answer:
        assert answer.status == 200


def get(address):
    try:
        with open_url(address, timeout=60) as answer:
            return answer.status
    except HTTPError as error:
        return error.code


def control(system, asked, path, text):
    """Return what becomes of a write while a single slow form is sent to a server that locks first."""
    system.commands["web"] = [sys.executable, "-m", "tests.chaos.early_lock_server"]
    system.start("web")
    system.wait(lambda: answers(f"{system.url}/login"))
    with slow_clients(int(system.environ["PORT"]), asked[:1], 1, 0):
        time.sleep(0.5)
        try:
            patch(f"{system.url}{path}", text, 0, timeout=GIVE_UP)
        except OSError:
            return "refused or silent"
    return "done"


def book(app, session, harbor, folder, url):
    folder.mkdir()
    with bookers(app, session, harbor, folder, 2, f"{SEED}-{folder.name}", rounds(10, 400), url=url) as crew:
        crew.start_all()
        crew.join()
        return figures(crew.answered())
