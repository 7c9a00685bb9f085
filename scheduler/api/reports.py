"""Reports: the figures of a period, each report as a table, and the visits behind a figure as a file."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field

from scheduler import clock
from scheduler.api import streams
from scheduler.api.fields import Body, Day, Id, Query, View
from scheduler.api.jobs import JobView, view
from scheduler.api.operations import Answer, call
from scheduler.api.proposals import Key
from scheduler.database import db
from scheduler.services.actors import Actor
from scheduler.services.reports import catalog, files
from scheduler.services.reports.catalog import MAY, Asked
from scheduler.services.reports.scope import ReportScope
from scheduler.services.reports.tables import ReportRow, ReportTable, csv_lines

Unit = Literal["count", "percent", "days", "hours"]


class ReportQuery(Query):
    """Clinic-local days, the last one included; the last four whole weeks if both are left out."""

    first: Annotated[Day | None, Field(alias="from")] = None
    last: Annotated[Day | None, Field(alias="to")] = None
    practitioner_id: Id | None = None
    plan_definition: Key | None = None
    site_id: Id | None = None


class TableQuery(ReportQuery):
    """`group_by` is one of the report's `groups`, the first of them if it is left out."""

    group_by: Annotated[str, Field(max_length=40)] = ""


class FigureView(View):
    """A figure beside the one of as many days before; null where there is nothing to count."""

    report: str
    title: str
    unit: Unit
    value: float | None
    before: float | None
    details: str


class FigureList(View):
    first_on: date
    last_on: date
    items: list[FigureView]


class ColumnView(View):
    key: str
    title: str
    unit: Unit
    means: str


class RowView(View):
    """`values` are by the keys of the columns."""

    key: str
    title: str
    values: dict[str, float | None]


class ReportView(View):
    """A report by groups. The total may be less than the sum of a column: a visit counts once.

    `parts` names what `POST /reports/{name}/files` can write.
    """

    name: str
    title: str
    definition: str
    first_on: date
    last_on: date
    group_by: str
    groups: list[str]
    parts: list[str]
    columns: list[ColumnView]
    rows: list[RowView]
    total: RowView


class FileBody(Body):
    """Which visits behind a figure, of which days."""

    part: Annotated[str, Field(max_length=40)]
    first: Annotated[Day | None, Field(alias="from")] = None
    last: Annotated[Day | None, Field(alias="to")] = None
    practitioner_id: Id | None = None
    plan_definition: Key | None = None
    site_id: Id | None = None


@call("GET", "/reports", may=MAY, query=ReportQuery, gives=FigureList)
def list_reports(actor: Actor, query: ReportQuery) -> Answer:
    """List the figures of all reports for a period, each beside the period before."""
    scope = _scope(actor, query)
    found = [
        FigureView(
            report=one.report,
            title=one.words,
            unit=one.unit.value,
            value=one.value,
            before=one.before,
            details=one.details,
        )
        for one in catalog.figures(db.session(), scope)
    ]
    return Answer(FigureList(items=found, **_days(scope)))


@call("GET", "/reports/<name>", may=MAY, query=TableQuery, gives=ReportView, csv=True)
def get_report(actor: Actor, query: TableQuery, name: str) -> Answer:
    """Show a report as a table, or with `Accept: text/csv` the table alone as CSV.

    Reports: visits, inductions, spacing, attendance, chairs, nurses, waits, reminders, openings.
    """
    report, scope = catalog.find(name), _scope(actor, query)
    group = catalog.group_of(report, query.group_by)
    table = report.table(db.session(), scope, group)
    shown = ReportView(
        name=report.name,
        title=report.title,
        definition=report.definition,
        group_by=group,
        groups=list(report.groups),
        parts=list(report.parts),
        columns=[
            ColumnView(key=one.key, title=one.words, unit=one.unit.value, means=one.means)
            for one in table.columns
        ],
        rows=[_row(table, one) for one in table.rows],
        total=_row(table, table.total),
        **_days(scope),
    )
    return Answer(shown, lines=csv_lines(table, actor.clinic.zone))


@call("POST", "/reports/<name>/files", may=MAY, body=FileBody, gives=JobView, status=202)
def create_report_file(actor: Actor, body: FileBody, name: str) -> Answer:
    """Let the worker write the visits behind a figure into a CSV file, with ids instead of names.

    `GET /report-files/{id}` says how far it is, and gives it when it is done; it is kept for a week.
    """
    job = files.ask(db.session(), actor, name, body.part, _scope(actor, body), clock.now())
    return Answer(view(job), location=f"/api/v1/report-files/{job.public_id}")


@call("GET", "/report-files/<file_id>", may=MAY, gives=JobView, csv=True)
def get_report_file(actor: Actor, file_id: str) -> Answer:
    """Show how far a file is; with `Accept: text/csv` give it, once it is done (404 before)."""
    job = files.find(db.session(), actor, file_id)
    if streams.is_csv_wanted():
        files.require_done(job)
    return Answer(view(job), lines=files.lines(db.session(), job))


def _scope(actor: Actor, asked: ReportQuery | FileBody) -> ReportScope:
    wanted = Asked(
        asked.first, asked.last, asked.practitioner_id or "", asked.plan_definition or "", asked.site_id or ""
    )
    return catalog.read(db.session(), actor.clinic, wanted, clock.now())


def _days(scope: ReportScope) -> dict[str, Any]:
    """Return the days that are counted."""
    return {"first_on": scope.period.first_on, "last_on": scope.period.last_on}


def _row(table: ReportTable, row: ReportRow) -> RowView:
    values = {one.key: value for one, value in zip(table.columns, row.values, strict=True)}
    return RowView(key=row.key, title=row.words, values=values)
