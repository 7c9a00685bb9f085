"""Senders are killed in the middle of their work: no mail is lost; a second copy is flagged, and there is no third."""

import random
import signal
import time
from dataclasses import asdict

import pytest

from tests.chaos.harness import drill
from tests.chaos.report import tell
from tests.chaos.settings import SEED, rounds, short_on
from tests.engines import both
from tests.smtp_server import SILENCE

AT_ONCE = 3
PER_KILL = 6
MOST_STEPS = 40  # four connections greet and take five steps for a mail
LONG = 10.0  # seconds of a lease that no living sender loses on any machine
AHEAD = 80  # what a killed sender has claimed waits for the end of its lease; the next one finds others
BATCH = (
    8  # claimed at a time: with more, most rows would soon be suspected of killing their sender, and go alone
)


def kill_again_and_again(running, kills, how=signal.SIGKILL):
    """End one of a few senders when they are a random number of steps far with the mail server; start the next."""
    chance = random.Random(SEED)
    running.add(min(AHEAD, PER_KILL * kills))
    senders = [running.start() for _ in range(AT_ONCE)]
    for number in range(kills):
        if number % 10 == 0:
            running.add(PER_KILL * min(10, kills - number))
        running.wait_for_steps(chance.randrange(MOST_STEPS))
        time.sleep(chance.uniform(0, 0.02))
        ended = senders.pop(chance.randrange(AT_ONCE))
        running.end(ended, how)
        if how == signal.SIGTERM:
            running.wait_until_gone(ended)
        senders.append(running.start())
    for sender in senders:
        running.end(sender, signal.SIGTERM)
    for sender in senders:
        running.wait_until_gone(sender)
    running.drain()


def kills(app, harbor, folder, number, policy="resend", control="", how=signal.SIGKILL, lease=1.0):
    folder.mkdir(exist_ok=True)
    with drill(app, harbor.clinic, folder, policy, control, lease, batch=BATCH) as running:
        kill_again_and_again(running, number, how)
        return running.count()


@both
@pytest.mark.parametrize("policy", ["resend", "hold"])
def test_kill_9(engine_name, forked, app, harbor, tmp_path, policy):
    number = rounds(4, 1000)
    found = kills(app, harbor, tmp_path, number, policy)
    control = control_of(app, harbor, tmp_path, policy)
    tell(f"kill-9-{policy}", engine_name, {"kills": number, **asdict(found)}, control)

    assert (found.lost, found.silent, found.unflagged) == (0, 0, 0)
    assert found.most_copies <= (2 if policy == "resend" else 1)
    assert found.duplicates <= found.flagged


def control_of(app, harbor, folder, policy):
    """Plant the bug that this policy guards against, and see that the count tells."""
    if policy == "resend":
        found = killed_in_silence(app, harbor, folder, "recorded-first", "data")
        assert found.lost > 0
        return {"bug": "recorded before it is sent", "lost": found.lost}
    found = killed_in_silence(app, harbor, folder, "check-not-written", "content")
    assert found.unflagged > 0
    return {"bug": "no trace at the sending check", "unflagged copies": found.unflagged}


def killed_in_silence(app, harbor, folder, control, step):
    """Kill a sender with a planted bug while the server lets it wait for the answer to one step, so on any machine."""
    with drill(app, harbor.clinic, folder, "resend", control, batch=BATCH) as running:
        everybody = range(running.first, running.first + PER_KILL)
        running.script.plan.update({f"p{who}": (step, SILENCE) for who in everybody})
        running.add(PER_KILL)
        sender = running.start()
        running.wait_for_silence()
        running.end(sender)
        running.script.plan.clear()
        running.drain()
        return running.count()


@short_on("sqlite")
def test_sigterm_restarts(engine_name, forked, app, harbor, tmp_path):
    number = rounds(4, 200)
    found = kills(app, harbor, tmp_path, number, how=signal.SIGTERM, lease=LONG)
    planted = kills(app, harbor, tmp_path / "control", 12, control="drops-all", how=signal.SIGTERM, lease=2.0)
    control = {
        "bug": "drops what it has in hand",
        "duplicates": planted.duplicates,
        "flagged": planted.flagged,
    }
    tell("sigterm", engine_name, {"restarts": number, **asdict(found)}, control)

    assert (found.lost, found.silent, found.duplicates, found.flagged) == (0, 0, 0, 0)
    assert planted.flagged > 0
