"""Freed time that was filled again, and what came of the offers about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from scheduler.domain.localtime import local_on
from scheduler.models.appointment import Appointment
from scheduler.models.opening import Offer, OfferState, Opening, OpeningCause, OpeningOutcome
from scheduler.services.reports.dimensions import WEEK, Place, folded, named
from scheduler.services.reports.scope import Conditions, ReportScope
from scheduler.services.reports.tables import (
    Better,
    Figure,
    FigureUnit,
    FigureVisits,
    Report,
    ReportColumn,
    ReportRow,
    ReportTable,
    Value,
    share,
    summed,
)

COLUMNS = (
    ReportColumn("openings", "Openings", "Filled, booked otherwise, or not used until their end."),
    ReportColumn("filled", "Filled by an offer", "A patient on the waitlist accepted an offer."),
    ReportColumn("taken", "Booked otherwise", "Booked by the desk or a patient without an offer."),
    ReportColumn("unused", "Not used", "The time passed."),
    ReportColumn(
        "filled_share",
        "Share filled",
        "Filled by an offer or booked otherwise, of openings.",
        FigureUnit.PERCENT,
        plotted=True,
    ),
    ReportColumn("offers", "Offers", "Sent about these openings."),
    ReportColumn("accepted", "Offers accepted", "By the patient."),
)
COUNTED = (OpeningOutcome.FILLED, OpeningOutcome.TAKEN, OpeningOutcome.PAST)  # the clinic could have used it
WIDTH = len(COUNTED) + 2


@dataclass(frozen=True, slots=True)
class Ended:
    """An opening that ended in the period."""

    on: date
    cause: OpeningCause
    outcome: OpeningOutcome
    offers: int
    accepted: int

    @property
    def counts(self) -> tuple[int, ...]:
        return *(int(self.outcome is one) for one in COUNTED), self.offers, self.accepted


def _ended(scope: ReportScope) -> Conditions:
    start, end = scope.period.bounds(scope.clinic.zone)
    return (
        Opening.clinic_id == scope.clinic.id,
        Opening.closed_at >= start,
        Opening.closed_at < end,
        Opening.outcome.in_(COUNTED),
    )


def ended(session: Session, scope: ReportScope) -> Iterator[Ended]:
    """Yield the openings that ended in the period, other than those that the clinic itself closed or kept free."""
    accepted = func.count(Offer.id).filter(Offer.state == OfferState.ACCEPTED)
    query = (
        select(Opening.closed_at, Opening.cause, Opening.outcome, func.count(Offer.id), accepted)
        .outerjoin(Offer, Offer.opening_id == Opening.id)
        .where(*_ended(scope))
        .group_by(Opening.id, Opening.closed_at, Opening.cause, Opening.outcome)
    )
    for closed_at, cause, outcome, offers, taken in session.execute(query):
        assert closed_at and outcome  # noqa: S101  (for the type: the conditions ask for both)
        yield Ended(local_on(closed_at, scope.clinic.zone), cause, outcome, offers, taken)


def table(session: Session, scope: ReportScope, group: str) -> ReportTable:
    found = list(ended(session, scope))
    if group == "week":
        words, groups = WEEK.words, folded(scope, WEEK, [(one.on, one.counts) for one in found], WIDTH)
    else:
        words, groups = "Cause", {}
        for one in sorted(found, key=lambda one: list(OpeningCause).index(one.cause)):
            place = Place(one.cause.value, one.cause.value, one.cause.words)
            sums = groups.setdefault(place, [0] * WIDTH)
            sums[:] = [old + new for old, new in zip(sums, one.counts, strict=True)]
    rows = tuple(ReportRow(place.key, place.words, _values(sums)) for place, sums in groups.items())
    return ReportTable(words, COLUMNS, rows, ReportRow("total", "Total", _values(_totals(found))))


def _totals(found: Sequence[Ended]) -> tuple[int, ...]:
    return summed([one.counts for one in found], WIDTH)


def _values(counts: Sequence[int]) -> tuple[Value, ...]:
    filled, taken, unused, offers, accepted = counts
    whole_count = filled + taken + unused
    return whole_count, filled, taken, unused, share(filled + taken, whole_count), offers, accepted


def figure(session: Session, scope: ReportScope) -> Figure:
    now, before = (_values(_totals(list(ended(session, at)))) for at in (scope, scope.before))
    openings, filled, taken, _, part, *_ = now
    number = scope.clinic.formats.number
    return Figure(
        REPORT.name,
        "Openings filled again",
        FigureUnit.PERCENT,
        Better.UP,
        part,
        before[4],
        f"{number(filled or 0)} by an offer and {number(taken or 0)} otherwise, of {number(openings or 0)}",
    )


def _left(outcome: OpeningOutcome) -> FigureVisits:
    words = {"past": "Visits whose time was not used", "filled": "Visits whose time was filled by an offer"}

    def ids(_session: Session, scope: ReportScope) -> Select[int]:
        left = select(Opening.appointment_id).where(*_ended(scope), Opening.outcome == outcome)
        return select(Appointment.id).where(
            Appointment.clinic_id == scope.clinic.id, Appointment.id.in_(left)
        )

    return FigureVisits(words[outcome.value], ids)


REPORT = Report(
    name="openings",
    title="Openings filled again",
    definition=(
        "Of the time that got free and whose end as an opening was in the period, the share that was used again, by an"
        " offer from the waitlist or otherwise. Openings that the clinic closed or kept free do not count."
    ),
    groups=named("week") | {"cause": "Cause"},
    table=table,
    parts={"unused": _left(OpeningOutcome.PAST), "filled": _left(OpeningOutcome.FILLED)},
    counts_all=True,
)
