"""The clock process: APScheduler in memory with a few interval jobs, until a signal stops it.

The rows are the truth and the scheduler holds none of them, so it may die at any moment. `max_instances=1` with
`coalesce` and no misfire limit: a run that takes long is followed by one run, not by those it missed.
"""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, timedelta
from functools import partial

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from flask import Flask

from config import DkimKey, Settings
from scheduler.clock import Clock, JumpWatch
from scheduler.notify.smtp import Connection
from scheduler.processes.clock_jobs import (
    ClockJob,
    erase_retained,
    escalate_tasks,
    expire_reservations,
    keep_hours,
    offer_openings,
    prune,
    run,
    show_life,
    write_digests,
    write_figures,
)
from scheduler.processes.dispatch import Outbound, dispatch
from scheduler.processes.inbox import read_inbox
from scheduler.processes.logs import set_up
from scheduler.processes.sealing import seal_trails
from scheduler.services import signs_of_life
from scheduler.services.limits import Limit
from scheduler.services.mail.letters import Letterhead

TURN_SECONDS = 0.0005  # a sender whose server has answered must not wait for the thread that composes
RATE_SECONDS = 6
ENDING = (signal.SIGTERM, signal.SIGINT)
log = logging.getLogger(__name__)


def run_clock(app: Flask) -> None:
    """Run the jobs until SIGTERM or SIGINT; then let what is in flight end, and hand the rest back."""
    set_up(app)
    out = outbound(app)
    run_jobs(app, out, clock_jobs(app, out))


def run_jobs(app: Flask, out: Outbound, jobs: Sequence[ClockJob]) -> None:
    """Run these jobs until SIGTERM or SIGINT."""
    sys.setswitchinterval(TURN_SECONDS)
    # waited for rather than handled: a handler that sets an event can stop the thread that waits for it for ever
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    clock = scheduler(app, jobs)
    clock.start()
    log.info("the clock is running")
    signal.sigwait(ENDING)
    out.stopping.set()
    clock.shutdown(wait=True)
    log.info("the clock has stopped")


def clock_jobs(app: Flask, out: Outbound) -> list[ClockJob]:
    """Return every job of the clock."""
    settings: Settings = app.config["SETTINGS"]
    work: Mapping[str, Callable[[], str]] = {
        "dispatch": partial(dispatch, out),
        "seal": partial(seal_trails, app),
        "expiry": partial(expire_reservations, app),
        "digest": partial(write_digests, app),
        "figures": partial(write_figures, app),
        "tasks": partial(escalate_tasks, app),
        "waitlist": partial(offer_openings, app),
        "prune": partial(prune, app),
        "retention": partial(erase_retained, app),
        "zones": partial(keep_hours, app),
    }
    if settings.inbox:
        work = {**work, "inbox": partial(read_inbox, app, settings.inbox)}
    return [ClockJob(name, signs_of_life.CLOCK[name], one) for name, one in work.items()]


def scheduler(app: Flask, jobs: Sequence[ClockJob]) -> BackgroundScheduler:
    """Return an APScheduler that runs these jobs, each at once and then at its interval."""
    clock: Clock = app.extensions["clock"]
    built = BackgroundScheduler(
        timezone=UTC,
        executors={"default": ThreadPoolExecutor(len(jobs))},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
    )
    for job in jobs:
        built.add_job(
            run, "interval", (app, job), id=job.name, seconds=job.seconds, next_run_time=clock.wall()
        )
    return built


def mail_rate(per_minute: int) -> Limit:
    """Return the channel's limit, cut into short stretches, so that a minute's mails do not leave all at once."""
    return Limit("mail", max(1, per_minute * RATE_SECONDS // 60), timedelta(seconds=RATE_SECONDS))


def signer(key: DkimKey | None) -> Callable[[bytes], bytes]:
    """Return what signs a mail; without a key it stays as it is."""
    if key is None:
        return bytes
    from scheduler.notify.dkim_signing import signed  # noqa: PLC0415  (a slow import, for those who have a key)

    return partial(signed, key)


def outbound(app: Flask) -> Outbound:
    """Return what the dispatch job works with, from the settings."""
    settings: Settings = app.config["SETTINGS"]
    clock: Clock = app.extensions["clock"]
    return Outbound(
        app=app,
        connect=lambda: Connection(settings.smtp, settings.smtp_final_wait),
        head=Letterhead(
            public_url=settings.public_url,
            keys=settings.signing_keys,
            mail_from=settings.mail_from,
            bounces_to=settings.mail_from if settings.answers_read else None,
            sign=signer(settings.dkim),
        ),
        policy=settings.ambiguous_send,
        rate=mail_rate(settings.mail_per_minute),
        clock=clock.now,
        jump=JumpWatch(clock),
        beat=partial(show_life, app, "dispatch"),
    )
