"""The page of the drills says what their runs found, and adds up those that belong together."""

import json

from tests.chaos import report


def run(date="2026-11-28", seed=7, **figures):
    return {"figures": figures, "control": {"bug": "none", "lost": 1}, "seed": seed, "date": date}


def test_the_page_is_made_of_the_runs():
    assert report.PAGE.read_text() == report.page(json.loads(report.RUNS.read_text()))


def test_a_run_takes_the_place_of_the_one_before():
    rows = []
    for kills in (3, 40):
        report.add(rows, "kill", "sqlite", [run(kills=kills)], more=False)
    assert [report.line(row) for row in rows] == [
        "| kill | sqlite | 40 kills | bug none, 1 lost | 2026-11-28, 7 |"
    ]


def test_more_runs_are_added_up_but_for_what_is_no_count():
    rows = []
    report.add(rows, "kill", "sqlite", [run(kills=3000, most_copies=2, **{"p99 ms": "90"})], more=False)
    later = run("2026-11-29", 8, kills=40, most_copies=1, **{"p99 ms": "200"})
    report.add(rows, "kill", "sqlite", [later], more=True)
    assert report.line(rows[0]) == (
        "| kill | sqlite | 3,040 kills, 2 most copies, p99 ms 90 to 200"
        " | bug none, 2 lost | 2026-11-28 to 2026-11-29, 2 runs |"
    )


def test_the_rows_are_in_order_and_others_stay():
    rows = []
    for drill, engine in (("b", "sqlite"), ("a", "sqlite"), ("b", "postgresql")):
        report.add(rows, drill, engine, [run(kills=1)], more=True)
    assert [(row["drill"], row["engine"]) for row in rows] == [
        ("a", "sqlite"),
        ("b", "postgresql"),
        ("b", "sqlite"),
    ]
