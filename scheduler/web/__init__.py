"""Interface: the pages of the clinic's staff, and the health page."""

from __future__ import annotations

from flask import Flask

from scheduler.http import access
from scheduler.web import (
    accounts,
    agents,
    audit,
    board,
    booking,
    bring_back,
    care_plans,
    clinics,
    courses_ahead,
    feeds,
    first_steps,
    headers,
    health,
    history,
    invitations,
    local,
    mailbox,
    merging,
    moves,
    notes,
    patients,
    prints,
    protocol_change,
    records,
    refusals,
    reminders,
    replans,
    reports,
    requests,
    settings,
    shell,
    shifts,
    shown,
    single_visits,
    tasks,
    visits,
    waitlist,
    zone_rules,
)


def register(app: Flask) -> None:
    """Add the interface to the app."""
    accounts.init_app(app)
    access.declare(app, shown.SHOWS)
    for part in (headers, local, agents, history, refusals, shell, mailbox, first_steps):
        part.register(app)
    for page in (
        audit,
        board,
        booking,
        bring_back,
        care_plans,
        clinics,
        courses_ahead,
        feeds,
        health,
        invitations,
        merging,
        moves,
        notes,
        patients,
        prints,
        protocol_change,
        records,
        reminders,
        replans,
        reports,
        requests,
        settings,
        shifts,
        single_visits,
        tasks,
        visits,
        waitlist,
        zone_rules,
    ):
        app.register_blueprint(page.bp)
