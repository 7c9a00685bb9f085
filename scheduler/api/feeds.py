"""Private calendar feeds. The address is shown once, when a feed is made."""

from __future__ import annotations

from typing import Annotated, Literal

from flask import current_app
from pydantic import Field
from sqlalchemy import select

from scheduler import clock
from scheduler.api.fields import At, Body, Id, Secret, View, ViewWithSecrets, at
from scheduler.api.operations import Answer, call
from scheduler.database import db
from scheduler.errors import NotFound
from scheduler.http import access
from scheduler.models import calendar_feed
from scheduler.models.calendar_feed import CalendarFeed
from scheduler.models.patient import Patient
from scheduler.services.actors import Actor
from scheduler.services.clinic import places
from scheduler.services.feed import feeds
from scheduler.services.patient import patients

Style = Literal["neutral", "kind", "initials"]


class NewFeed(Body):
    """`neutral` titles say nothing, `kind` says what sort of visit, `initials` (staff feeds only) whose.

    `alarm_minutes` adds an alarm so long before each visit. `days_back` and `days_ahead` say how much it shows; without
    them 90 days back and everything ahead for a patient, 14 back and 180 ahead for staff.
    """

    title_style: Style = "neutral"
    alarm_minutes: Annotated[int, Field(ge=0, le=7 * 24 * 60)] | None = None
    days_back: Annotated[int, Field(ge=0, le=366)] | None = None
    days_ahead: Annotated[int, Field(ge=1, le=732)] | None = None


class FeedView(View):
    """`created_by` is the address of the member who made it; null for the patient or a command."""

    id: Id
    title_style: Style
    alarm_minutes: int | None
    days_back: int | None
    days_ahead: int | None
    created_at: At
    revoked_at: At | None
    last_fetched_at: At | None
    last_client: str
    created_by: str | None


class NewFeedView(FeedView, ViewWithSecrets):
    """A feed with its address, which is not shown again: in a repeated answer it is null, and `notice` says why."""

    url: Secret
    webcal_url: Secret


class FeedList(View):
    items: list[FeedView]
    next_cursor: str | None = None


@call("POST", "/patients/<patient_id>/feeds", may="feeds", body=NewFeed, gives=NewFeedView, status=201)
def create_patient_feed(actor: Actor, body: NewFeed, patient_id: str) -> Answer:
    """Make a calendar feed of a patient's visits."""
    return _made(actor, body, _patient(actor, patient_id).resource_id)


@call("GET", "/patients/<patient_id>/feeds", may="feeds", gives=FeedList)
def list_patient_feeds(actor: Actor, patient_id: str) -> Answer:
    """List a patient's feeds, without their addresses."""
    return _listed(actor, _patient(actor, patient_id).resource_id)


@call(
    "POST", "/practitioners/<practitioner_id>/feeds", may="feeds", body=NewFeed, gives=NewFeedView, status=201
)
def create_practitioner_feed(actor: Actor, body: NewFeed, practitioner_id: str) -> Answer:
    """Make a calendar feed of a practitioner's visits."""
    return _made(
        actor, body, places.get_practitioner(db.session(), actor.clinic, practitioner_id).resource_id
    )


@call("GET", "/practitioners/<practitioner_id>/feeds", may="feeds", gives=FeedList)
def list_practitioner_feeds(actor: Actor, practitioner_id: str) -> Answer:
    """List a practitioner's feeds, without their addresses."""
    return _listed(actor, places.get_practitioner(db.session(), actor.clinic, practitioner_id).resource_id)


@call("POST", "/locations/<location_id>/feeds", may="feeds", body=NewFeed, gives=NewFeedView, status=201)
def create_location_feed(actor: Actor, body: NewFeed, location_id: str) -> Answer:
    """Make a calendar feed of a chair's or room's visits."""
    return _made(actor, body, places.get_location(db.session(), actor.clinic, location_id).resource_id)


@call("GET", "/locations/<location_id>/feeds", may="feeds", gives=FeedList)
def list_location_feeds(actor: Actor, location_id: str) -> Answer:
    """List a chair's or room's feeds, without their addresses."""
    return _listed(actor, places.get_location(db.session(), actor.clinic, location_id).resource_id)


@call("POST", "/feeds", may="feeds", body=NewFeed, gives=NewFeedView, status=201)
def create_clinic_feed(actor: Actor, body: NewFeed) -> Answer:
    """Make a calendar feed of all visits of the clinic."""
    return _made(actor, body, None)


@call("GET", "/feeds", may="feeds", gives=FeedList)
def list_clinic_feeds(actor: Actor) -> Answer:
    """List the feeds of the whole clinic, without their addresses."""
    return _listed(actor, None)


@call("DELETE", "/feeds/<feed_id>", may="feeds", status=204)
def revoke_feed(actor: Actor, feed_id: str) -> Answer:
    """Switch a feed off for good: its address answers 410."""
    feed = calendar_feed.by_public_id(db.session(), actor.clinic.id, feed_id)
    if feed is None:
        raise NotFound
    feeds.revoke(db.session(), actor, feed, clock.now())
    return Answer(None)


def _patient(actor: Actor, patient_id: str) -> Patient:
    patient = patients.get(db.session(), actor.clinic, patient_id)
    access.touch(patient)
    return patient


def _made(actor: Actor, body: NewFeed, resource_id: int | None) -> Answer:
    feed, token = feeds.create(
        db.session(), actor, resource_id, body.title_style, clock.now(),
        body.alarm_minutes, body.days_back, body.days_ahead,
    )  # fmt: skip
    url, webcal_url = feeds.addresses(current_app.config["SETTINGS"].public_url, token)
    return Answer(NewFeedView(**_view(feed).model_dump(), url=url, webcal_url=webcal_url))


def _listed(actor: Actor, resource_id: int | None) -> Answer:
    rows = select(CalendarFeed).where(
        CalendarFeed.clinic_id == actor.clinic.id,
        CalendarFeed.resource_id.is_not_distinct_from(resource_id),
    )
    found = db.session().scalars(rows.order_by(CalendarFeed.created_at, CalendarFeed.id))
    return Answer(FeedList(items=[_view(feed) for feed in found]))


def _view(feed: CalendarFeed) -> FeedView:
    return FeedView(
        id=feed.public_id,
        title_style=feed.title_style.value,
        alarm_minutes=feed.alarm_minutes,
        days_back=feed.days_back,
        days_ahead=feed.days_ahead,
        created_at=at(feed.created_at),
        revoked_at=at(feed.revoked_at) if feed.revoked_at else None,
        last_fetched_at=at(feed.last_fetched_at) if feed.last_fetched_at else None,
        last_client=feed.last_client,
        created_by=feed.created_by.email if feed.created_by else None,
    )
