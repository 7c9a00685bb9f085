"""One job after the other stands still while all others run: it is named within its interval and 30 seconds.

By /healthz, /metrics and `flask status`, and no other is named with it. Clock and worker run as processes of their own,
at a shorter interval than usual, which they record. The control is the age that was looked at formerly: that of the
youngest sign of any job.
"""

import re
import sys
import time

import pytest
from sqlalchemy import func, select

from scheduler.clock import Clock
from scheduler.models.job_run import JobRun
from scheduler.services.signs_of_life import CLOCK, SLACK, WORKER
from tests.chaos.report import tell
from tests.chaos.settings import FULL, short_on
from tests.running import open_url

SECONDS = 2
GRACE = 10.0  # for the poll, and for a machine that has much else to do
NAMES = [name for name in (*CLOCK, WORKER) if name != "inbox"]  # which runs where there is a mailbox
SMOKE = ["dispatch"]


@pytest.fixture
def braked(system, tmp_path):
    """The system, with a clock and a worker that can be braked."""
    brakes = tmp_path / "brakes"
    brakes.mkdir()
    command = [sys.executable, "-m", "tests.chaos.clock_with_brakes", str(brakes), str(SECONDS)]
    system.commands |= {"clock": command, "worker": [*command, "worker"]}
    system.start()
    system.wait(lambda: set(states(system)) == set(NAMES) and system.is_well())
    return brakes


@short_on("sqlite")
def test_clock_jobs(engine_name, system, session, harbor, braked):
    named, longest, others, unseen = 0, 0.0, 0, 0
    for name in NAMES if FULL else SMOKE:
        (braked / name).touch()
        began = time.monotonic()
        system.wait(lambda name=name: states(system)[name] != "ok", SECONDS + SLACK.total_seconds() + GRACE)
        longest = max(longest, time.monotonic() - began)
        found = states(system)
        metrics = read(f"{system.url}/metrics")
        status = system.flask("status")
        told = f"{name}: last ran" in status.stdout
        named += found[name].startswith("last ran") and marked(metrics) == [name] and told
        others += sum(words != "ok" for other, words in found.items() if other != name)
        unseen += formerly(session) < 60
        (braked / name).unlink()
        system.wait(system.is_well)
    tell(
        "clock-jobs",
        engine_name,
        {"jobs stopped": len(NAMES if FULL else SMOKE), "named": named, "others named": others,
         "most seconds": round(longest, 1), "allowed": SECONDS + SLACK.total_seconds()},
        {"bug": "the youngest sign of any job", "not noticed": unseen},
    )  # fmt: skip

    assert named == unseen == len(NAMES if FULL else SMOKE)
    assert others == 0


def states(system):
    """Return what /healthz says of each job."""
    found = re.search(r'"jobs":\s*\{(.*?)\}', read(f"{system.url}/healthz"), re.DOTALL)
    return dict(re.findall(r'"(\w+)":\s*"([^"]*)"', found.group(1))) if found else {}


def marked(metrics):
    return re.findall(r'^seriate_job_late\{job="(\w+)"\} 1\.0$', metrics, re.MULTILINE)


def read(address):
    """Return the body of an answer, also of one that says unwell."""
    try:
        with open_url(address, timeout=10) as answer:
            return answer.read().decode()
    except OSError as error:
        return error.read().decode() if hasattr(error, "read") else ""


def formerly(session):
    """Return the age in seconds of the youngest sign of any job."""
    session.rollback()
    return (Clock().wall() - session.scalar(select(func.max(JobRun.wall_at)))).total_seconds()
