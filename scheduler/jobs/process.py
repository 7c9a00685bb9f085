"""The clock process: APScheduler in memory with a few interval ticks, until it is told to stop.

The rows are the truth and the scheduler holds none of them, so it may die at any moment. `max_instances=1` with
`coalesce` and no misfire limit: a tick that takes long is followed by one tick, not by those it missed.
"""

from __future__ import annotations

import signal
import sys
from datetime import UTC, timedelta
from functools import partial

import click
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from flask import Flask

from config import Settings
from scheduler.clock import Clock, JumpWatch
from scheduler.jobs import sealing
from scheduler.jobs.dispatch import Outbound, dispatch
from scheduler.jobs.inbox import read_inbox
from scheduler.jobs.ticks import (
    Ticking,
    erase_retained,
    expire_reservations,
    keep_hours,
    prune,
    run,
    show_life,
    write_digests,
)
from scheduler.notify.smtp import Connection
from scheduler.services.limits import Limit
from scheduler.services.mail.letters import Letterhead

DISPATCH_SECONDS = 5
EXPIRY_SECONDS = 60
DIGEST_SECONDS = 60
PRUNE_SECONDS = 3600
ZONES_SECONDS = 3600  # the zone database changes with an upgrade, after which every process starts anew
INBOX_SECONDS = 60
TURN_SECONDS = 0.0005  # a sender whose server has answered must not wait for the thread that composes
RATE_SECONDS = 6
ENDING = (signal.SIGTERM, signal.SIGINT)


def run_clock(app: Flask) -> None:
    """Tick until SIGTERM or SIGINT; then let what is in flight end, and hand the rest back."""
    out = outbound(app)
    sys.setswitchinterval(TURN_SECONDS)
    # waited for rather than handled: a handler that sets an event can stop the thread that waits for it for ever
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    clock = scheduler(app, ticks(app, out))
    clock.start()
    click.echo("the clock ticks")
    signal.sigwait(ENDING)
    out.stopping.set()
    clock.shutdown(wait=True)
    click.echo("the clock has stopped")


def ticks(app: Flask, out: Outbound) -> list[Ticking]:
    """Return every tick of the clock."""
    settings: Settings = app.config["SETTINGS"]
    inbox = settings.inbox
    reading = [Ticking("inbox", INBOX_SECONDS, partial(read_inbox, app, inbox))] if inbox else []
    return [
        *reading,
        Ticking("dispatch", DISPATCH_SECONDS, partial(dispatch, out)),
        Ticking("expiry", EXPIRY_SECONDS, partial(expire_reservations, app)),
        Ticking("digest", DIGEST_SECONDS, partial(write_digests, app)),
        Ticking("prune", PRUNE_SECONDS, partial(prune, app)),
        Ticking("retention", PRUNE_SECONDS, partial(erase_retained, app)),
        Ticking("zones", ZONES_SECONDS, partial(keep_hours, app)),
        Ticking("seal", sealing.SECONDS, partial(sealing.seal_trails, app)),
    ]


def scheduler(app: Flask, ticking: list[Ticking]) -> BackgroundScheduler:
    """Return an APScheduler that runs these ticks, each at once and then at its interval."""
    clock: Clock = app.extensions["clock"]
    built = BackgroundScheduler(
        timezone=UTC,
        executors={"default": ThreadPoolExecutor(len(ticking))},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
    )
    for tick in ticking:
        built.add_job(
            run, "interval", (app, tick), id=tick.name, seconds=tick.seconds, next_run_time=clock.wall()
        )
    return built


def mail_rate(per_minute: int) -> Limit:
    """Return the channel's limit, cut into short stretches, so that a minute's mails do not leave all at once."""
    return Limit("mail", max(1, per_minute * RATE_SECONDS // 60), timedelta(seconds=RATE_SECONDS))


def outbound(app: Flask) -> Outbound:
    """Return what the dispatch tick works with, from the settings."""
    settings: Settings = app.config["SETTINGS"]
    clock: Clock = app.extensions["clock"]
    return Outbound(
        app=app,
        connect=lambda: Connection(settings.smtp, settings.smtp_final_wait),
        head=Letterhead(
            public_url=settings.public_url,
            keys=settings.signing_keys,
            mail_from=settings.mail_from,
            bounces_to=settings.mail_from if settings.inbox else None,
        ),
        policy=settings.ambiguous_send,
        rate=mail_rate(settings.mail_per_minute),
        clock=clock.now,
        jump=JumpWatch(clock),
        beat=partial(show_life, app, "dispatch"),
    )
