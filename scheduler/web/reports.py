"""Reports: the figures of the front page, each report with its plot and table, and the visits behind them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import partial
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from scheduler import clock
from scheduler.database import db
from scheduler.domain.localtime import local_on
from scheduler.domain.periods import PRESETS, Period, whole_weeks
from scheduler.models import practitioner as practitioners
from scheduler.services import signs_of_life
from scheduler.services.reports import behind, catalog, files
from scheduler.services.reports.catalog import MAY, Asked
from scheduler.services.reports.scope import ReportScope
from scheduler.services.reports.tables import Better, Figure, FigureUnit, ReportTable, Value, csv_lines, said
from scheduler.web.csv_files import csv_file
from scheduler.web.current import actor
from scheduler.web.local import read_date, read_number
from scheduler.web.plots import TablePlot, plot
from scheduler.web.shell import may

bp = Blueprint("reports", __name__, url_prefix="/reports")
PERIODS = {
    "week": "Last week",
    "4-weeks": "Last 4 weeks",
    "13-weeks": "Last 13 weeks",
    "52-weeks": "Last 52 weeks",
}


@bp.get("")
@may(MAY)
def index() -> str:
    """The figures of all reports, each beside the period before."""
    scope = _scope()
    return render_template(
        "reports/index.html",
        **_frame(scope),
        figures=[(one, _trend(one)) for one in catalog.figures(db.session(), scope)],
    )


@bp.get("/<name>")
@may(MAY)
def show(name: str) -> str:
    report, scope = catalog.find(name), _scope()
    group = catalog.group_of(report, request.args.get("group_by", ""))
    table = report.table(db.session(), scope, group)
    return render_template(
        "reports/show.html",
        **_frame(scope),
        report=report,
        group=group,
        table=table,
        plot=_plot(table, group),
    )


@bp.get("/<name>.csv")
@may(MAY)
def table_file(name: str) -> Response:
    """The table of a report as a file."""
    report, scope = catalog.find(name), _scope()
    group = catalog.group_of(report, request.args.get("group_by", ""))
    table, period = report.table(db.session(), scope, group), scope.period
    named = f"{name}-{group}-{period.first_on}-{period.last_on}.csv"
    return csv_file(db.session(), csv_lines(table, scope.clinic.zone), named)


@bp.get("/<name>/visits")
@may(MAY)
def visits(name: str) -> str:
    """The visits behind a figure, the latest first."""
    report, scope = catalog.find(name), _scope()
    key = request.args.get("part", "")
    part = catalog.part_of(report, key)
    number = max(read_number(request.args.get("page", "1"), 5), 1)
    return render_template(
        "reports/visits.html",
        **_frame(scope),
        report=report,
        part=part,
        part_key=key,
        page=behind.page(db.session(), scope, part, number),
        alone=signs_of_life.is_worker_gone(db.session(), clock.now()),
    )


@bp.post("/<name>/visits/file")
@may(MAY)
def ask_file(name: str) -> AnyResponse:
    """Let the worker write the visits behind a figure into a file."""
    job = files.ask(db.session(), actor(), name, request.form.get("part", ""), _scope(), clock.now())
    db.session.commit()
    return redirect(url_for(".file", job_id=job.public_id), 303)


@bp.get("/files/<job_id>")
@may(MAY)
def file(job_id: str) -> str:
    """How far a file is, and the way to it."""
    return render_template(
        "reports/file.html",
        job=files.find(db.session(), actor(), job_id),
        alone=signs_of_life.is_worker_gone(db.session(), clock.now()),
    )


@bp.get("/files/<job_id>/content")
@may(MAY)
def file_content(job_id: str) -> Response:
    job = files.find(db.session(), actor(), job_id)
    files.require_done(job)
    return csv_file(db.session(), files.lines(db.session(), job), f"visits-{job_id}.csv")


def _scope() -> ReportScope:
    """Return what the address asks for. Raises Invalid."""
    values, now, clinic = request.values, clock.now(), actor().clinic
    first, last = (
        read_date(field, values[field]) if values.get(field, "").strip() else None for field in ("from", "to")
    )
    asked = Asked(first, last, values.get("provider", ""), values.get("protocol", ""), values.get("site", ""))
    return catalog.read(db.session(), clinic, asked, now)


def _frame(scope: ReportScope) -> dict[str, Any]:
    """Return what every page of reports has: its filters, the ways to other periods, and how values are said."""
    clinic = scope.clinic
    today = local_on(scope.now, clinic.zone)
    named = {key: whole_weeks(today, clinic.formats, weeks) for key, weeks in PRESETS.items()}
    chosen = next((key for key, period in named.items() if period == scope.period), "")
    filters = {
        "from": scope.period.first_on.isoformat(),
        "to": scope.period.last_on.isoformat(),
        "provider": scope.practitioner.public_id if scope.practitioner else None,
        "protocol": scope.protocol or None,
        "site": scope.site.public_id if scope.site else None,
    }
    return {
        "scope": scope,
        "filters": filters,
        "periods": [(key, PERIODS[key], period) for key, period in named.items()],
        "chosen": chosen,
        "providers": practitioners.every(db.session(), clinic.id),
        "protocols": scope.protocols,
        "said": _said,
        "cell": _cell,
        "link": partial(_link, filters),
    }


def _link(filters: dict[str, Any], endpoint: str, period: Period | None = None, **more: Any) -> str:
    """Return the address of a page of reports with the same filters, of another period where one is given."""
    if period is not None:
        filters = filters | {"from": period.first_on.isoformat(), "to": period.last_on.isoformat()}
    return url_for(endpoint, **(filters | more))


def _cell(value: Value, unit: FigureUnit) -> str:
    """Return a value for a table, whose column names its unit unless it is a share."""
    return _said(value, unit if unit is FigureUnit.PERCENT else FigureUnit.COUNT)


def _said(value: Value, unit: FigureUnit) -> str:
    return said(value, unit, actor().clinic.formats)


def _trend(figure: Figure) -> dict[str, str]:
    """Return how a figure stands against the period before: its sign, its words, and whether that is good."""
    if figure.value is None or figure.before is None:
        return {"way": "", "words": "No value before" if figure.before is None else "No value", "mood": ""}
    before = _said(figure.before, figure.unit)
    if figure.value == figure.before:
        return {"way": "same", "words": f"As before ({before})", "mood": ""}
    rises = figure.value > figure.before
    mood = ""
    if figure.better is not Better.NEITHER:
        mood = "good" if rises is (figure.better is Better.UP) else "bad"
    return {
        "way": "up" if rises else "down",
        "words": f"{'Up' if rises else 'Down'} from {before}",
        "mood": mood,
    }


def _plot(table: ReportTable, group: str) -> TablePlot | None:
    formats = actor().clinic.formats
    short: Mapping[str, Any] = {
        "week": lambda key: formats.month_day(date.fromisoformat(key)),
        "week-kind": lambda key: formats.month_day(date.fromisoformat(key)),
        "weekday": lambda key: formats.short_weekday(int(key)),
        "hour": None,
        "session": lambda key: "none" if key == "none" else key,
    }
    if group not in short:
        return plot(table, _said)
    name = short[group] or (lambda _: None)
    labels = {row.key: name(row.key) or row.words for row in table.rows}
    return plot(table, _said, labels)
