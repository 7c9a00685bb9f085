"""A program reads reports as JSON and as CSV, and has the visits behind a figure written into a file."""

import csv
import io

import pytest

from scheduler.processes import worker
from scheduler.services.reports.catalog import REPORTS
from tests.services.reports.years import YEAR

DAYS = f"from={YEAR.first_on}&to={YEAR.last_on}"


@pytest.fixture
def mona(api, harbor_year):
    return api(harbor_year, "mona")


def test_the_figures_of_a_period_are_listed(mona):
    found = mona.get(f"/reports?{DAYS}").json

    assert (found["first_on"], found["last_on"]) == (str(YEAR.first_on), str(YEAR.last_on))
    assert [one["report"] for one in found["items"]] == list(REPORTS)
    assert found["items"][0]["value"] > 1000
    assert found["items"][0]["unit"] == "count"


def test_a_report_is_the_same_as_json_and_as_csv(mona):
    address = f"/reports/attendance?{DAYS}&group_by=weekday"
    found = mona.get(address).json
    answer = mona.get(address, Accept="text/csv")
    head, *rows = csv.reader(io.StringIO(answer.get_data(as_text=True).removeprefix("\ufeff")))

    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    keys = [column["key"] for column in found["columns"]]
    assert head == ["key", "Weekday", *keys]
    expected = [*found["rows"], found["total"]]
    assert [row[0] for row in rows] == [row["key"] for row in expected]
    assert [[float(cell) for cell in row[2:]] for row in rows] == [
        [row["values"][key] for key in keys] for row in expected
    ]
    assert found["group_by"] in found["groups"]


def test_a_report_is_narrowed_to_a_provider_and_a_protocol(mona, harbor_year):
    theo = harbor_year.people["Theo"].public_id
    whole, his, other = (
        mona.get(f"/reports/visits?{DAYS}&group_by=kind{more}").json["total"]["values"]["held"]
        for more in ("", f"&practitioner_id={theo}", "&plan_definition=therapy-6")
    )

    assert whole > his > other == 0


@pytest.mark.parametrize(
    ("address", "status", "field"),
    [
        ("/reports/nothing", 404, None),
        ("/reports/visits?group_by=moon", 422, "group_by"),
        ("/reports/visits?from=2026-01-01", 422, "to"),
        ("/reports/visits?from=2026-02-01&to=2026-01-01", 422, "to"),
        ("/reports/visits?plan_definition=nothing", 422, "plan_definition"),
        (f"/reports/visits?practitioner_id={'0' * 16}", 422, "practitioner_id"),
        ("/reports/visits?moon=full", 422, "moon"),
    ],
)
def test_what_cannot_be_counted_is_refused(mona, address, status, field):
    for accept in ("application/json", "text/csv"):
        answer = mona.get(address, Accept=accept)
        assert answer.status_code == status
        assert field is None or field in [one["field"] for one in answer.json["errors"]]


def test_a_file_is_asked_for_watched_and_fetched(app, session, mona):
    asked = mona.post(
        "/reports/visits/files", {"part": "no_shows", "from": str(YEAR.first_on), "to": str(YEAR.last_on)}
    )
    where = asked.headers["Location"].removeprefix("/api/v1")
    early = mona.get(where, Accept="text/csv")
    session.rollback()
    worker.work_once(app, "one")
    done = mona.get(where).json
    lines = mona.get(where, Accept="text/csv").get_data(as_text=True)

    assert (asked.status_code, asked.json["state"], early.status_code) == (202, "waiting", 404)
    assert (done["state"], done["progress"]) == ("done", done["total"])
    assert len(lines.splitlines()) - 1 == done["result"]["visits"] > 50


def test_a_part_that_a_report_does_not_have_is_not_found(mona):
    assert mona.post("/reports/visits/files", {"part": "nothing"}).status_code == 404


def test_the_patients_to_bring_back_are_listed_with_why(api, harbor, course):
    alice = api(harbor, "alice")
    gone = next(one["id"] for one in course["appointments"] if one["action"] == "infusion-2")
    alice.post(f"/appointments/{gone}/cancellation", {"reason": "ill"})
    found = alice.get("/bring-back").json["items"]

    assert ("make-up", gone, course["patient_id"]) in [
        (one["why"], one["appointment_id"], one["patient_id"]) for one in found
    ]
