"""Every figure of a year equals SQL of its own, written here without the code of the reports, on both engines."""

from collections import Counter
from datetime import date, datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from scheduler.services.reports import catalog
from scheduler.services.reports.catalog import REPORTS, Asked
from tests.cast import NOW
from tests.engines import both
from tests.services.reports.years import YEAR

NEW_YORK = ZoneInfo("America/New_York")
IN_YEAR = "a.local_start >= '2025-11-01' AND a.local_start < '2026-11-01'"
HELD = "a.status IN ('checked-in', 'fulfilled')"
# November 1 is the last hour of daylight saving in 2026 and its second day without it in 2025
INSTANTS = "BETWEEN '2025-11-01 04:00:00' AND '2026-11-01 03:59:59.9'"
EARLIER = "lag(a.local_start) OVER (PARTITION BY a.care_plan_id ORDER BY a.start_at)"
DOSING = f"SELECT * FROM appointment a WHERE {HELD} AND a.dosing_gap_days IS NOT NULL"


@pytest.fixture
def year(session, harbor_year):
    return catalog.read(session, harbor_year.clinic, Asked(YEAR.first_on, YEAR.last_on), NOW)


@pytest.fixture
def sql(session, engine_name, harbor_year):
    """Return the rows of a statement; {days}, {hours} and {day} are written as the engine needs them."""

    def days(later, earlier):
        if engine_name == "sqlite":
            return f"CAST(julianday(date({later})) - julianday(date({earlier})) AS INTEGER)"
        return f"({later})::date - ({earlier})::date"

    def hours(later, earlier):
        if engine_name == "sqlite":
            return f"(julianday({later}) - julianday({earlier})) * 24"
        return f"EXTRACT(EPOCH FROM {later} - {earlier}) / 3600"

    def sunday(column):
        if engine_name == "sqlite":
            return f"date({column}, '-6 days', 'weekday 0')"
        return f"(date_trunc('week', {column} + INTERVAL '1 day') - INTERVAL '1 day')::date"

    def run(build):
        statement = build(days, hours, sunday) if callable(build) else build
        return [tuple(row) for row in session.execute(text(statement))]

    return run


def table(session, scope, report, group):
    """Return the rows of a report by their keys, each by its columns, with the total."""
    found = REPORTS[report].table(session, scope, group)
    keys = [column.key for column in found.columns]
    return {row.key: dict(zip(keys, row.values, strict=True)) for row in (*found.rows, found.total)}


def column(found, key):
    return {row: values[key] for row, values in found.items() if values[key] and row != "total"}


def figure(session, scope, report):
    return next(one for one in catalog.figures(session, scope) if one.report == report)


def test_the_year_has_every_case(sql):
    statuses = dict(sql(f"SELECT a.status, count(*) FROM appointment a WHERE {IN_YEAR} GROUP BY a.status"))

    assert statuses.keys() == {"fulfilled", "noshow", "cancelled", "booked"}
    assert min(statuses.values()) > 10


@both
def test_visits(session, year, sql):
    kinds = sql(
        f"SELECT a.kind, a.status, count(*) FROM appointment a WHERE {IN_YEAR} GROUP BY a.kind, a.status"
    )
    by_kind = table(session, year, "visits", "kind")

    for key, status in (
        ("held", "fulfilled"),
        ("no_shows", "noshow"),
        ("canceled", "cancelled"),
        ("not_recorded", "booked"),
    ):
        assert column(by_kind, key) == {kind: count for kind, own, count in kinds if own == status}, key
        assert by_kind["total"][key] == sum(count for _, own, count in kinds if own == status)
    assert by_kind["total"]["ahead"] == 0
    assert figure(session, year, "visits").value == by_kind["total"]["held"]


@both
def test_visits_by_week_and_kind(session, year, sql):
    weeks = sql(
        lambda _days, _hours, sunday: (
            f"SELECT {sunday('a.local_start')}, a.kind, count(*) FROM appointment a"
            f" WHERE {IN_YEAR} AND {HELD} GROUP BY 1, 2"
        )
    )
    found = table(session, year, "visits", "week-kind")

    told = {
        (week, kind): n
        for week, row in found.items()
        for kind, n in row.items()
        if n and week != "total" and kind != "all"
    }
    assert told == {(str(week), kind): count for week, kind, count in weeks}
    assert found["total"]["all"] == sum(count for *_, count in weeks)
    assert len(found) == 54  # 53 weeks have a day of the year, and the total


@both
def test_visits_by_weekday_hour_and_protocol_are_the_same_visits(session, year, sql):
    [(held,)] = sql(f"SELECT count(*) FROM appointment a WHERE {IN_YEAR} AND {HELD}")
    starts = [
        datetime.fromisoformat(str(start))
        for (start,) in sql(f"SELECT a.local_start FROM appointment a WHERE {IN_YEAR} AND {HELD}")
    ]

    by_weekday, by_hour = (
        column(table(session, year, "visits", group), "held") for group in ("weekday", "hour")
    )
    assert by_weekday == {str(day): n for day, n in Counter(one.isoweekday() for one in starts).items()}
    assert by_hour == {f"{hour:02}": n for hour, n in Counter(one.hour for one in starts).items()}
    assert column(table(session, year, "visits", "protocol"), "held") == {"iv-depression-6": held}


@both
def test_inductions(session, year, sql):
    [(completed,)] = sql(
        "SELECT count(*) FROM (SELECT a.care_plan_id, min(a.local_start) AS ended FROM appointment a"
        f" WHERE a.series = 'infusion' AND a.position = 6 AND {HELD} GROUP BY a.care_plan_id) AS one"
        " WHERE ended >= '2025-11-01' AND ended < '2026-11-01'"
    )
    left = sql(
        "SELECT reached, count(*) FROM (SELECT max(a.position) AS reached FROM appointment a"
        " JOIN care_plan c ON c.id = a.care_plan_id"
        f" WHERE a.series = 'infusion' AND {HELD} AND c.status IN ('revoked', 'completed') AND c.status_at {INSTANTS}"
        " GROUP BY a.care_plan_id HAVING max(a.position) < 6) AS one GROUP BY reached"
    )
    found = table(session, year, "inductions", "session")

    assert column(found, "left") == {str(reached): count for reached, count in left}
    ended = completed + sum(count for _, count in left)
    assert found["1"]["reached"] == ended
    assert found["4"]["reached"] == completed + sum(count for reached, count in left if reached >= 4)
    assert figure(session, year, "inductions").value == round(100 * completed / ended, 1)
    by_protocol = table(session, year, "inductions", "protocol")["iv-depression-6"]
    assert (by_protocol["ended"], by_protocol["completed"]) == (ended, completed)
    assert sum(column(table(session, year, "inductions", "week"), "ended").values()) == ended


@both
def test_days_of_completed_inductions(session, year, sql):
    days = sql(
        lambda days, *_: (
            f"SELECT {days('six', 'one')} FROM (SELECT min(a.local_start) AS one,"
            " min(CASE WHEN a.position = 6 THEN a.local_start END) AS six FROM appointment a"
            f" WHERE a.series = 'infusion' AND {HELD} GROUP BY a.care_plan_id) AS course"
            " WHERE six >= '2025-11-01' AND six < '2026-11-01'"
        )
    )

    assert table(session, year, "inductions", "protocol")["total"]["days"] == median(one for (one,) in days)


@both
def test_spacing(session, year, sql):
    gaps = sql(
        lambda days, *_: (
            f"SELECT position, gap, count(*) FROM (SELECT a.position, a.local_start,"
            f" {days('a.local_start', EARLIER)} AS gap"
            f" FROM ({DOSING}) a) AS a WHERE gap IS NOT NULL AND {IN_YEAR} GROUP BY position, gap"
        )
    )
    told = Counter()
    for position, gap, count in gaps:  # the protocol: at best 3 days, from 2 to 4
        told[position, "ideal" if gap == 3 else "allowed" if 2 <= gap <= 4 else "outside"] += count
    found = table(session, year, "spacing", "session")

    kinds = ("ideal", "allowed", "outside")
    assert {
        (int(row), kind): values[kind]
        for row, values in found.items()
        if row != "total"
        for kind in kinds
        if values[kind]
    } == told
    assert {kind: found["total"][kind] for kind in kinds} == {
        kind: sum(n for (_, own), n in told.items() if own == kind) for kind in kinds
    }
    kept = sum(n for (_, kind), n in told.items() if kind != "outside")
    assert figure(session, year, "spacing").value == round(100 * kept / sum(told.values()), 1)


DUE = (
    "CASE WHEN a.status = 'noshow' THEN 'missed' WHEN a.status IN ('checked-in', 'fulfilled') THEN 'held'"
    " WHEN a.status = 'cancelled' AND a.cancel_side = 'patient' AND {late} < 24 THEN 'late' END"
)


@both
@pytest.mark.parametrize("group", ["session", "lead", "answer"])
def test_attendance(session, year, sql, group):
    reminded = "EXISTS (SELECT 1 FROM reminder r WHERE r.appointment_id = a.id AND r.state = 'sent')"

    def statement(_days, hours, _sunday):
        ahead = hours("a.start_at", "a.created_at")
        by = {
            "session": "CASE WHEN a.dosing_gap_days IS NULL THEN 'none' ELSE CAST(a.position AS TEXT) END",
            "lead": f"CASE WHEN {ahead} < 24 THEN '0' WHEN {ahead} < 168 THEN '1' WHEN {ahead} < 336 THEN '2'"
            f" WHEN {ahead} < 672 THEN '3' ELSE '4' END",
            "answer": f"CASE WHEN a.response = 'accepted' THEN 'yes' WHEN {reminded} THEN 'no' ELSE 'none' END",
        }[group]
        due = DUE.format(late=hours("a.start_at", "a.cancelled_at"))
        return f"SELECT {by}, {due}, count(*) FROM appointment a WHERE {IN_YEAR} GROUP BY 1, 2"

    rows = [row for row in sql(statement) if row[1]]
    found = table(session, year, "attendance", group)

    assert column(found, "no_shows") == {by: count for by, what, count in rows if what == "missed"}
    assert column(found, "late_canceled") == {by: count for by, what, count in rows if what == "late"}
    due = sum(count for *_, count in rows)
    missed = sum(count for _, what, count in rows if what == "missed")
    assert found["total"]["due"] == due
    assert found["total"]["no_show_share"] == round(100 * missed / due, 1)
    assert figure(session, year, "attendance").value == round(100 * missed / due, 1)


@both
@pytest.mark.parametrize(("report", "role", "units"), [("chairs", "chair", 3), ("nurses", "nurse", 2 * 3)])
def test_capacity(session, year, sql, report, role, units):
    [(used,)] = sql(
        lambda _, hours, __: (
            f"SELECT sum({hours('l.end_at', 'l.start_at')}) FROM allocation l"
            f" JOIN appointment a ON a.id = l.appointment_id"
            f" WHERE l.role = '{role}' AND l.released_at IS NULL AND {IN_YEAR} AND {HELD}"
        )
    )
    days = [YEAR.first_on + timedelta(days=n) for n in range(YEAR.days)]
    there = sum(10 for on in days if on.isoweekday() <= 5) * units  # from 8 to 18, on working days
    total = table(session, year, report, "week")["total"]

    assert total["used"] == pytest.approx(round(float(used), 1), abs=0.11)
    assert total["open"] == there
    assert total["used_share"] == round(100 * float(used) / there, 1)
    assert figure(session, year, report).value == total["used_share"]
    for group in ("weekday", "resource"):
        assert sum(column(table(session, year, report, group), "used").values()) == pytest.approx(
            float(used), abs=1
        )


@both
def test_waits(session, year, sql):
    rows = sql(
        "SELECT c.created_at, first FROM care_plan c JOIN (SELECT a.care_plan_id, min(a.local_start) AS first"
        f" FROM ({DOSING}) a GROUP BY a.care_plan_id) AS a ON a.care_plan_id = c.id"
        " WHERE first >= '2025-11-01' AND first < '2026-11-01'"
    )
    days = []
    for created, first in rows:
        at = datetime.fromisoformat(str(created))
        at = at.replace(tzinfo=ZoneInfo("UTC")) if at.tzinfo is None else at
        days.append((datetime.fromisoformat(str(first)).date() - at.astimezone(NEW_YORK).date()).days)
    total = table(session, year, "waits", "protocol")["total"]

    assert total["courses"] == len(days) > 100
    assert total["median"] == figure(session, year, "waits").value == median(days)
    assert sum(one <= total["most"] for one in days) >= 0.9 * len(days)
    assert sum(one < total["most"] for one in days) < 0.9 * len(days)


@both
def test_reminders(session, year, sql):
    states = dict(
        sql(
            "SELECT CASE WHEN r.state = 'skipped' THEN r.reason_code ELSE r.state END, count(*) FROM reminder r"
            f" WHERE r.due_at {INSTANTS} GROUP BY 1"
        )
    )
    [(visits, confirmed)] = sql(
        "SELECT count(*), sum(CASE WHEN response = 'accepted' THEN 1 ELSE 0 END) FROM (SELECT DISTINCT a.id, a.response"
        f" FROM appointment a JOIN reminder r ON r.appointment_id = a.id"
        f" WHERE r.state = 'sent' AND r.due_at {INSTANTS}) AS one"
    )
    found = table(session, year, "reminders", "rule")["total"]

    counts = {"delivered": "sent", "failed": "failed", "unclear": "uncertain", "not_sent": "no-address"}
    assert {key: found[key] for key in counts} == {key: states[state] for key, state in counts.items()}
    due = sum(states[state] for state in counts.values())
    assert (found["due"], found["visits"], found["confirmed"]) == (due, visits, confirmed)
    assert figure(session, year, "reminders").value == round(100 * states["sent"] / due, 1)
    assert states["newer-reminder"] and states["void"]  # which count nowhere


@both
def test_openings(session, year, sql):
    outcomes = dict(
        sql(f"SELECT o.outcome, count(*) FROM opening o WHERE o.closed_at {INSTANTS} GROUP BY o.outcome")
    )
    [(offers, accepted)] = sql(
        "SELECT count(*), sum(CASE WHEN f.state = 'accepted' THEN 1 ELSE 0 END)"
        " FROM offer f JOIN opening o ON o.id = f.opening_id"
        f" WHERE o.closed_at {INSTANTS} AND o.outcome IN ('filled', 'taken', 'past')"
    )
    found = table(session, year, "openings", "week")["total"]

    assert (found["filled"], found["taken"], found["unused"]) == tuple(
        outcomes[key] for key in ("filled", "taken", "past")
    )
    assert (found["offers"], found["accepted"]) == (offers, accepted)
    used, whole = (
        outcomes["filled"] + outcomes["taken"],
        outcomes["filled"] + outcomes["taken"] + outcomes["past"],
    )
    assert figure(session, year, "openings").value == round(100 * used / whole, 1)
    assert outcomes["dismissed"]


PARTS = {  # report: (grouping, column of each part)
    "visits": (
        "kind",
        {
            "held": "held",
            "not_recorded": "not_recorded",
            "no_shows": "no_shows",
            "canceled": "canceled",
            "ahead": "ahead",
        },
    ),
    "inductions": ("protocol", {"completed": "completed", "left": "left"}),
    "spacing": ("session", {"ideal": "ideal", "allowed": "allowed", "outside": "outside"}),
    "attendance": ("kind", {"no_shows": "no_shows", "late_canceled": "late_canceled"}),
    "waits": ("protocol", {"courses": "courses"}),
    "openings": ("cause", {"unused": "unused", "filled": "filled"}),
}


@both
@pytest.mark.parametrize("name", PARTS)
def test_the_visits_behind_a_figure_are_as_many_as_it_says(session, year, name):
    group, columns = PARTS[name]
    report, total = REPORTS[name], table(session, year, name, group)["total"]
    behind = {key: session.scalars(part.ids(session, year)).all() for key, part in report.parts.items()}

    assert {key: len(found) for key, found in behind.items()} == {
        key: total[column] for key, column in columns.items()
    }
    assert all(len(set(found)) == len(found) for found in behind.values())


@both
def test_the_visits_with_a_failed_reminder(session, year, sql):
    failed = sql(
        f"SELECT DISTINCT r.appointment_id FROM reminder r WHERE r.state = 'failed' AND r.due_at {INSTANTS}"
    )

    found = session.scalars(REPORTS["reminders"].parts["failed"].ids(session, year)).all()
    assert sorted(found) == sorted(one for (one,) in failed)


@both
def test_a_provider_and_a_protocol_narrow_it(session, harbor_year, sql):
    theo, clinic = harbor_year.people["Theo"], harbor_year.clinic
    days = (YEAR.first_on, YEAR.last_on)
    [(his,)] = sql(
        "SELECT count(*) FROM appointment a JOIN participant p ON p.appointment_id = a.id"
        f" WHERE p.practitioner_id = {theo.id} AND {IN_YEAR} AND {HELD}"
    )
    of_theo = catalog.read(session, clinic, Asked(*days, theo.public_id), NOW)
    of_others = catalog.read(session, clinic, Asked(*days, protocol="crps-10-day"), NOW)

    assert figure(session, of_theo, "visits").value == his > 0
    assert figure(session, of_others, "visits").value == 0
    whole = catalog.read(session, clinic, Asked(*days), NOW)
    assert figure(session, of_theo, "chairs") == figure(session, whole, "chairs")


def test_the_period_before_is_counted_like_any_other(session, harbor_year):
    clinic = harbor_year.clinic
    later = catalog.read(session, clinic, Asked(date(2026, 5, 1), date(2026, 7, 31)), NOW)
    earlier = catalog.read(
        session, clinic, Asked(later.before.period.first_on, later.before.period.last_on), NOW
    )

    assert later.before.period.days == later.period.days == 92
    assert [one.before for one in catalog.figures(session, later)] == [
        one.value for one in catalog.figures(session, earlier)
    ]


def test_another_clinics_visits_count_nowhere(session, harbor_year, hill):
    scope = catalog.read(session, hill.clinic, Asked(YEAR.first_on, YEAR.last_on), NOW)

    assert {one.value for one in catalog.figures(session, scope)} <= {0, None}
