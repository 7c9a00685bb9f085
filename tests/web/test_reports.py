"""The pages of reports: figures beside the period before, plots against their tables, lists and files."""

import csv
import io
import re
from datetime import timedelta
from itertools import pairwise

import pytest
from sqlalchemy import select

from scheduler.domain.status import AppointmentStatus
from scheduler.models.audit_event import AuditEvent
from scheduler.models.job import Job
from scheduler.processes import worker
from scheduler.services import jobs
from scheduler.services.reports import catalog, files
from scheduler.services.reports.catalog import REPORTS, Asked
from tests import reading
from tests.cast import NOW
from tests.reading import having, words
from tests.services.reports import years
from tests.services.reports.years import YEAR

DAYS = f"from={YEAR.first_on}&to={YEAR.last_on}"


@pytest.fixture
def mona(harbor_year, signed_in):
    return signed_in(harbor_year, "mona")


def page(client, address):
    answer = client.get(address)
    assert answer.status_code == 200, answer.get_data(as_text=True)[:500]
    return reading.page(answer.get_data(as_text=True))


def list_of_figures(client, address):
    return having(page(client, address), "figures")[0].findall("li")


def picture_of(shown):
    return having(shown, "plot-picture")[0]


def test_the_front_page_has_each_figure_with_the_one_before(session, harbor_year, mona):
    shown = [words(card) for card in list_of_figures(mona, f"/reports?{DAYS}")]
    figures = catalog.figures(
        session, catalog.read(session, harbor_year.clinic, Asked(YEAR.first_on, YEAR.last_on), NOW)
    )

    assert len(shown) == len(REPORTS) == 9
    for one, text in zip(figures, shown, strict=True):
        assert text.startswith(one.words)
        assert one.details in text
    held = figures[0].value
    assert f"Visits held {held:,}" in shown[0]


def test_each_figure_leads_to_its_report_with_the_same_filters(mona, harbor_year):
    theo = harbor_year.people["Theo"].public_id
    cards = list_of_figures(mona, f"/reports?{DAYS}&provider={theo}")
    links = [card.find("h2/a").get("href") for card in cards]

    assert [re.match(r"/reports/(\w+)\?", link)[1] for link in links] == list(REPORTS)
    for link in links:
        assert f"from={YEAR.first_on}" in link and f"provider={theo}" in link
        assert mona.get(link).status_code == 200


@pytest.mark.parametrize("report", REPORTS)
def test_each_report_has_its_tables_as_pages_and_as_csv(session, harbor_year, mona, report):
    scope = catalog.read(session, harbor_year.clinic, Asked(YEAR.first_on, YEAR.last_on), NOW)
    tables = {group: REPORTS[report].table(session, scope, group) for group in REPORTS[report].groups}
    session.rollback()
    for group, table in tables.items():
        compare(mona, report, group, table)


def compare(mona, report, group, table):
    shown = page(mona, f"/reports/{report}?{DAYS}&group_by={group}")
    lines = mona.get(f"/reports/{report}.csv?{DAYS}&group_by={group}", buffered=True).get_data(as_text=True)
    head, *rows = csv.reader(io.StringIO(lines.removeprefix("\ufeff")))

    told = [[words(cell) for cell in row] for row in having(shown, "report-table")[0].iter("tr")]
    expected = [*table.rows, table.total]
    assert [row[0] for row in told[1:]] == [row.words for row in expected]
    assert told[0][1:] == [column.words for column in table.columns]
    for row, cells in zip(expected, told[1:], strict=True):
        assert [number(cell) for cell in cells[1:]] == [
            None if value is None else float(value) for value in row.values
        ]
    assert head[2:] == [column.key for column in table.columns]
    assert [[None if cell == "" else float(cell) for cell in row[2:]] for row in rows] == [
        [None if value is None else float(value) for value in row.values] for row in expected
    ]


def number(cell):
    return None if cell == "–" else float(cell.replace(",", "").removesuffix("%"))


@pytest.mark.parametrize("group", ["week-kind", "kind"])
def test_a_plot_draws_the_values_of_its_table(session, harbor_year, mona, group):
    scope = catalog.read(session, harbor_year.clinic, Asked(YEAR.first_on, YEAR.last_on), NOW)
    table = REPORTS["visits"].table(session, scope, group)
    drawn = [at for at, column in enumerate(table.columns) if column.plotted]
    session.rollback()
    picture = picture_of(page(mona, f"/reports/visits?{DAYS}&group_by={group}"))
    stacks = having(picture, "plot-stack")
    lies = "plot-lies" in picture.get("class")

    assert [stack.get("data-key") for stack in stacks] == [row.key for row in table.rows]
    lengths = []
    for stack, row in zip(stacks, table.rows, strict=True):
        marks = having(stack, "plot-mark")
        assert [float(mark.get("data-value")) for mark in marks] == [row.values[at] for at in drawn]
        lengths += [
            (float(mark.get("width" if lies else "height")), float(mark.get("data-value"))) for mark in marks
        ]
        if not lies:  # each stands on the one before
            tops = [(float(mark.get("y")), float(mark.get("height"))) for mark in marks]
            for (lower, _), (upper, height) in pairwise(tops):
                assert upper + height == pytest.approx(lower, abs=0.02)
        assert stack.get("aria-label").startswith(f"{row.words}: ")
        for at in drawn:
            assert f"{table.columns[at].words} {row.values[at]:,}" in stack.get("aria-label")
    unit = next(length / value for length, value in lengths if value == max(value for _, value in lengths))
    assert all(length == pytest.approx(value * unit, abs=0.02) for length, value in lengths)


def test_the_lines_of_a_plot_stand_at_their_values(mona):
    picture = picture_of(page(mona, f"/reports/attendance?{DAYS}&group_by=weekday"))
    lines = [float(line.get("y1")) for line in picture.iter("line")]
    values = [number(words(text)) for text in having(picture, "plot-line-words")]
    mark = next(mark for mark in having(picture, "plot-mark") if float(mark.get("data-value")))
    scale = (lines[0] - lines[-1]) / values[-1]

    assert values[0] == 0 and len(values) == 5
    assert float(mark.get("y")) == pytest.approx(lines[0] - float(mark.get("data-value")) * scale, abs=0.02)


def test_a_plot_has_a_title_a_description_and_one_stop_of_the_tab_key(mona):
    shown = page(mona, f"/reports/visits?{DAYS}&group_by=week")
    picture = picture_of(shown)
    named = [picture.find(f".//*[@id='{one}']") for one in picture.get("aria-labelledby").split()]

    assert [one.tag for one in named] == ["title", "desc"]
    assert [words(one) for one in named] == [
        "Visits, by week",
        "Held, by week. The table below has all values.",
    ]
    assert [stack.get("tabindex") for stack in having(picture, "plot-stack")] == ["0", *["-1"] * 52]
    assert not [one for one in shown.iter() if "style" in one.attrib]


def test_a_period_without_visits_draws_nothing_and_says_so(mona):
    shown = page(mona, "/reports/attendance?from=2020-01-01&to=2020-01-31")

    assert not having(shown, "plot-picture")
    assert "Nothing to count in this period." in words(shown)


def test_the_visits_behind_a_figure_are_listed_in_pages_and_audited(session, harbor_year, mona):
    address = f"/reports/visits/visits?{DAYS}&part=held"
    first, second = page(mona, address), page(mona, f"{address}&page=2")
    rows = [row for one in (first, second) for row in having(one, "visit-table")[0].iter("tr")]
    shown = [row.find("td/a").get("href") for row in rows if row.find("td") is not None]

    assert len(shown) == len(set(shown)) == 200
    assert "Earlier visits" in words(first) and "Later visits" in words(second)
    session.rollback()
    events = session.scalars(select(AuditEvent).where(AuditEvent.object_id.like("visits of a report%"))).all()
    assert len(events) == 2
    assert all(event.fields for event in events)


def test_a_file_is_written_by_the_worker_in_parts_with_ids_and_no_names(
    app, session, harbor_year, mona, monkeypatch
):
    monkeypatch.setattr(files, "AT_ONCE", 500)
    answer = mona.post(f"/reports/visits/visits/file?{DAYS}", data={"part": "held"})
    where = answer.headers["Location"]
    assert mona.get(f"{where}/content").status_code == 404  # not before it is done
    assert "Waiting for the worker" in words(page(mona, where))
    session.rollback()
    assert worker.work_once(app, "one") == f"done: {files.KIND}"
    lines = mona.get(f"{where}/content", buffered=True).get_data(as_text=True)
    head, *rows = csv.reader(io.StringIO(lines.removeprefix("\ufeff")))
    total = (
        REPORTS["visits"]
        .table(
            session,
            catalog.read(session, harbor_year.clinic, Asked(YEAR.first_on, YEAR.last_on), NOW),
            "kind",
        )
        .total
    )

    assert head[:3] == ["id", "patient_id", "care_plan_id"]
    assert len(rows) == len({row[0] for row in rows}) == total.values[0] > 1000
    assert {row[head.index("status")] for row in rows} == {"fulfilled"}
    assert "No " not in lines and "Pat" not in lines  # the names of the patients
    assert f"{total.values[0]} visits" in words(page(mona, where))
    session.rollback()
    exported = session.scalars(select(AuditEvent).where(AuditEvent.event == "report.exported")).one()
    assert sorted(exported.fields) == ["held", "visits"]


def test_a_file_that_a_killed_worker_began_is_written_again(app, session, harbor_year, mona):
    where = mona.post(f"/reports/visits/visits/file?{DAYS}", data={"part": "no_shows"}).headers["Location"]
    session.rollback()
    job = session.scalars(select(Job)).one()
    session.add(files.ReportFilePart(clinic_id=job.clinic_id, job_id=job.id, number=0, content="half a file"))
    session.commit()
    assert worker.work_once(app, "one") == f"done: {files.KIND}"

    assert "half a file" not in mona.get(f"{where}/content", buffered=True).get_data(as_text=True)


def test_a_file_ends_with_its_job(app, session, harbor_year, mona):
    mona.post(f"/reports/visits/visits/file?{DAYS}", data={"part": "no_shows"})
    session.rollback()
    worker.work_once(app, "one")
    assert session.scalars(select(files.ReportFilePart.id)).all()
    session.rollback()
    jobs.prune(session, NOW + jobs.KEPT_FOR + timedelta(minutes=1))
    session.commit()

    assert session.scalars(select(files.ReportFilePart.id)).all() == []


def test_a_file_of_another_clinic_is_not_found(session, hill, signed_in, mona):
    where = mona.post(f"/reports/visits/visits/file?{DAYS}", data={"part": "held"}).headers["Location"]
    oscar = signed_in(hill, "oscar")

    assert {oscar.get(where).status_code, oscar.get(f"{where}/content").status_code} == {404}


def test_an_import_is_no_file_of_a_report(session, harbor_year, mona):
    job = jobs.ask(session, harbor_year.command, "import-patients", {"content": "x"}, NOW).public_id
    session.commit()

    assert mona.get(f"/reports/files/{job}").status_code == 404


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/reports/nothing", 404),
        ("/reports/visits/visits?part=nothing", 404),
        ("/reports/visits?group_by=moon", 422),
        ("/reports?from=2026-11-30&to=2026-11-01", 422),
        ("/reports?from=2026-11-30", 422),
        ("/reports?from=yesterday&to=today", 422),
        ("/reports?provider=nobody", 422),
    ],
)
def test_what_is_not_there_is_refused(mona, address, status):
    assert mona.get(address).status_code == status


def test_the_bar_leads_managers_and_no_one_else_to_reports(harbor, signed_in):
    bars = {
        name: having(page(signed_in(harbor, name), "/patients"), "bar-nav")[0] for name in ("mona", "alice")
    }
    ways = {
        name: [link for link in bar.iter("a") if link.get("href") == "/reports"] for name, bar in bars.items()
    }

    assert [len(ways[name]) for name in ("mona", "alice")] == [1, 0]


def test_the_statuses_of_the_year_are_those_of_visits(session, harbor_year):
    """What the year is made of is what the calendar knows: a change of a status is a change here."""
    found = set(session.scalars(select(years.Appointment.status).distinct()))

    assert found == {
        AppointmentStatus.FULFILLED,
        AppointmentStatus.NOSHOW,
        AppointmentStatus.CANCELLED,
        AppointmentStatus.BOOKED,
    }
