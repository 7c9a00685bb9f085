"""Years of a clinic's visits, made by SQL in the database itself: a course is 16 visits, and each of its numbers decides
what becomes of it, so the same years come each time.

A course is six infusions, six therapy sessions and four calls of `iv-depression-6`. Some are missed, canceled early or
late, not recorded; every eighth course is stopped before its end. Days, the zone's offset of each day and the steps of
a course come from helper tables, since SQLite knows no zones.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import select, text

from scheduler.database import Base
from scheduler.domain.periods import Period
from scheduler.domain.settings import LEAD_HOURS
from scheduler.models.allocation import Allocation
from scheduler.models.appointment import Appointment, Participant
from scheduler.models.care_plan import CarePlan
from scheduler.models.opening import Offer, Opening
from scheduler.models.patient import Patient
from scheduler.models.plan_definition import PlanDefinition, current
from scheduler.models.reminder import Reminder
from scheduler.models.resource import Resource
from scheduler.models.waitlist import WaitlistEntry

YEAR = Period(date(2025, 11, 1), date(2026, 10, 31))  # it holds two clock changes, and ends at a third
FIRST_ID = 1_000_000  # so that no row of the cast is in the way
STEPS = 16


@dataclass(frozen=True)
class Step:
    number: int
    action: str
    kind: str
    title: str
    series: str
    position: int
    length: int
    dosing: int | None
    day: int
    minute: int
    minutes: int


def steps() -> list[Step]:
    found = []
    for position in range(1, 7):
        day = (position - 1) * 3
        found.append(Step(len(found), f"infusion-{position}", "infusion", "Infusion", "infusion", position, 6, 2, day, 9 * 60, 120))
        found.append(Step(len(found), f"therapy-{position}", "therapy", "Therapy", "therapy", position, 6, None, day + 1, 13 * 60, 50))
    for position in range(1, 5):
        found.append(Step(len(found), f"call-{position}", "call", "Check-in call", "call", position, 6, None, position * 3 - 2, 8 * 60, 10))
    return found


def fill(session, cast, courses: int, first_on: date, last_on: date, now: datetime) -> None:
    """Write so many courses, begun evenly from the first to the last day; visits after `now` are ahead."""
    sql = _Sql(session, cast, courses, first_on, last_on, now)
    sql.helpers()
    sql.patients()
    sql.care_plans()
    sql.appointments()
    sql.allocations()
    sql.reminders()
    sql.openings()
    sql.drop()
    session.commit()


class _Sql:
    def __init__(self, session, cast, courses, first_on, last_on, now):
        self.session, self.cast, self.courses, self.now = session, cast, courses, now
        self.first_on, self.days = first_on, (last_on - first_on).days + 1
        self.is_sqlite = session.get_bind().dialect.name == "sqlite"
        self.plan_id = current(session, cast.clinic.id, "iv-depression-6").id
        self.at_now = f"'{now.astimezone(UTC):%Y-%m-%d %H:%M:%S}.000000'" + ("" if self.is_sqlite else "::timestamp AT TIME ZONE 'UTC'")

    def run(self, statement: str) -> None:
        self.session.execute(text(statement))

    def helpers(self):
        self.drop()
        kind = "TEXT" if self.is_sqlite else "TIMESTAMP"
        self.run(f"CREATE TABLE years_day (number INTEGER PRIMARY KEY, midnight {kind}, behind INTEGER)")
        self.run("CREATE TABLE years_course (number INTEGER PRIMARY KEY)")
        self.run(
            "CREATE TABLE years_step (number INTEGER PRIMARY KEY, action TEXT, kind TEXT, title TEXT, series TEXT,"
            " position INTEGER, length INTEGER, dosing INTEGER, day INTEGER, minute INTEGER, minutes INTEGER)"
        )
        zone, rows = self.cast.clinic.zone, []
        for number in range(self.days + 30):
            on = self.first_on + timedelta(days=number)
            offset = datetime.combine(on, time(12), zone).utcoffset()
            rows.append({"number": number, "midnight": f"{on} 00:00:00" if self.is_sqlite else datetime.combine(on, time.min), "behind": -int(offset.total_seconds()) // 60})
        self.session.execute(text("INSERT INTO years_day VALUES (:number, :midnight, :behind)"), rows)
        self.session.execute(
            text("INSERT INTO years_step VALUES (:number, :action, :kind, :title, :series, :position, :length, :dosing, :day, :minute, :minutes)"),
            [vars_of(one) for one in steps()],
        )
        self.run(
            f"INSERT INTO years_course WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {self.courses - 1})"
            " SELECT i FROM n"
        )

    def drop(self):
        for name in ("years_day", "years_course", "years_step"):
            self.run(f"DROP TABLE IF EXISTS {name}")

    def local(self, minutes: str) -> str:
        """A clinic-local time so many minutes after a day's midnight."""
        if self.is_sqlite:
            return f"strftime('%Y-%m-%d %H:%M:%S.000000', d.midnight, ({minutes}) || ' minutes')"
        return f"(d.midnight + ({minutes}) * INTERVAL '1 minute')"

    def utc(self, minutes: str) -> str:
        """The instant of such a time; `minutes` may lead into another day, whose offset may be another one."""
        moved = self.local(f"({minutes}) + d.behind")
        return moved if self.is_sqlite else f"({moved} AT TIME ZONE 'UTC')"

    def key(self, letter: str, number: str) -> str:
        """A public id of 16 characters."""
        if self.is_sqlite:
            return f"printf('{letter}%015d', {number})"
        return f"'{letter}' || lpad(({number})::text, 15, '0')"

    def insert(self, model: type[Base], values: dict[str, str], source: str) -> None:
        """Insert rows; columns that are not named get the default of their model."""
        values = {"clinic_id": str(self.cast.clinic.id), **values}
        for column in model.__table__.columns:
            if column.name in values or column.nullable or column.primary_key:
                continue
            value = column.default.arg if column.default is not None else None
            if callable(value):
                value = {} if "dict" in repr(value) else []
            if value is None:
                raise AssertionError(f"{model.__tablename__}.{column.name} has no default")
            values[column.name] = self.literal(getattr(value, "value", value))
        columns = ", ".join(f'"{name}"' for name in values)
        self.run(f"INSERT INTO {model.__tablename__} ({columns}) SELECT {', '.join(values.values())} {source}")

    def literal(self, value) -> str:
        if isinstance(value, bool):
            return str(int(value)) if self.is_sqlite else str(value)
        if isinstance(value, dict | list):
            return "'{}'" if isinstance(value, dict) else "'[]'"
        return str(value) if isinstance(value, int) else f"'{value}'"

    def patients(self):
        self.insert(Resource, {"id": f"{FIRST_ID} + c.number", "kind": "'patient'"}, "FROM years_course c")
        values = {
            "id": f"{FIRST_ID} + c.number",
            "public_id": self.key("p", "c.number"),
            "resource_id": f"{FIRST_ID} + c.number",
            "given_name": "'Pat'",
            "family_name": "'No ' || c.number" if self.is_sqlite else "'No ' || c.number::text",
            "created_at": self.utc("-60 * 24 * 10"),
        }
        self.insert(Patient, values, f"FROM years_course c {self.day('0')}")

    def day(self, offset: str) -> str:
        """Join the day so many days after the first one of a course."""
        first = f"(CAST(c.number AS BIGINT) * {self.days} / {self.courses})"
        return f"JOIN years_day d ON d.number = {first} + ({offset})"

    STOPPED = "(c.number % 8 = 0)"
    LAST = "(1 + c.number / 8 % 5)"  # session held last in a course that is stopped

    def care_plans(self):
        end = f"CASE WHEN {self.STOPPED} THEN {self.LAST} * 3 ELSE 20 END"
        values = {
            "id": f"{FIRST_ID} + c.number",
            "public_id": self.key("k", "c.number"),
            "patient_id": f"{FIRST_ID} + c.number",
            "plan_definition_id": str(self.plan_id),
            "status": f"CASE WHEN {self.utc('18 * 60')} > {self.at_now} THEN 'active' WHEN {self.STOPPED} THEN 'revoked' ELSE 'completed' END",
            "created_at": self.utc(f"-60 * 24 * (({end}) + 3 + c.number % 30)"),
            "status_at": self.utc("18 * 60"),
        }
        self.insert(CarePlan, values, f"FROM years_course c {self.day(end)}")

    LUCK = "((c.number * 31 + s.number * 17 + c.number / 100) % 100)"
    LATER = "CASE WHEN s.dosing IS NOT NULL THEN (c.number * 13 + s.number * 7) % 10 / 8 + (c.number * 11 + s.number * 3) % 25 / 23 ELSE 0 END"
    PAST_STOP = f"({STOPPED} AND s.position > {LAST})"

    def appointments(self):
        start = "s.minute + (c.number % 9) * 35"
        luck = self.LUCK
        status = (
            f"CASE WHEN {self.PAST_STOP} THEN 'cancelled' WHEN {self.utc(start)} > {self.at_now} THEN 'booked'"
            f" WHEN {luck} < 4 THEN 'noshow' WHEN {luck} < 11 THEN 'cancelled' WHEN {luck} < 12 THEN 'booked' ELSE 'fulfilled' END"
        )
        canceled = f"({self.PAST_STOP} OR ({self.utc(start)} <= {self.at_now} AND {luck} BETWEEN 4 AND 10))"
        chairs = [one.id for name, one in sorted(self.cast.places.items()) if "Chair" in name]
        room = next(one.id for name, one in self.cast.places.items() if "Room" in name)
        chair = f"CASE c.number % {len(chairs)} " + " ".join(f"WHEN {n} THEN {id_}" for n, id_ in enumerate(chairs)) + " END"
        values = {
            "id": f"{FIRST_ID} + c.number * {STEPS} + s.number",
            "public_id": self.key("v", f"c.number * {STEPS} + s.number"),
            "uid": self.key("u", f"c.number * {STEPS} + s.number"),
            "patient_id": f"{FIRST_ID} + c.number",
            "care_plan_id": f"{FIRST_ID} + c.number",
            "location_id": f"CASE s.kind WHEN 'infusion' THEN {chair} WHEN 'therapy' THEN {room} END",
            "action": "s.action",
            "kind": "s.kind",
            "title": "s.title",
            "series": "s.series",
            "position": "s.position",
            "series_length": "s.length",
            "status": status,
            "response": f"CASE WHEN (c.number + s.number) % 3 = 0 OR {canceled} THEN 'needs-action' ELSE 'accepted' END",
            "start_at": self.utc(start),
            "end_at": self.utc(f"{start} + s.minutes"),
            "local_start": self.local(start),
            "zone_name": f"'{self.cast.clinic.zone_name}'",
            "phases": f"'[{{\"name\": \"treatment\", \"minutes\": 120, \"attended\": true}}]'",
            "changed_at": self.utc(f"{start} - 60 * 24 * 20"),
            "created_at": self.utc(f"{start} - 60 * 24 * ((c.number + s.number) % 35) - 60"),
            "dosing_gap_days": "s.dosing",
            "cancelled_at": f"CASE WHEN {canceled} THEN {self.utc(f'{start} - CASE WHEN {luck} < 8 THEN 600 ELSE 6000 END')} END",
            "cancel_side": f"CASE WHEN {self.PAST_STOP} THEN 'clinic' WHEN {canceled} THEN CASE WHEN {luck} < 10 THEN 'patient' ELSE 'clinic' END END",
        }
        source = f"FROM years_course c CROSS JOIN years_step s {self.day(f's.day + {self.LATER}')}"
        self.insert(Appointment, values, source)

    VISITS = "FROM appointment a WHERE a.id >= " + str(FIRST_ID)

    def allocations(self):
        people = {name: one for name, one in self.cast.people.items()}
        nurses, therapist = [people["Nina"], people["Noah"]], people["Theo"]
        held = "a.status <> 'cancelled' AND a.status <> 'noshow'"
        common = {"appointment_id": "a.id", "phase": "'treatment'", "start_at": "a.start_at", "end_at": "a.end_at", "released_at": f"CASE WHEN {held} THEN NULL ELSE a.changed_at END", "unit": f"(a.care_plan_id - {FIRST_ID}) * {STEPS} + a.id % {STEPS}"}
        self.insert(Allocation, {**common, "resource_id": "a.patient_id", "role": "'patient'"}, self.VISITS)
        of_place = f"FROM appointment a JOIN location l ON l.id = a.location_id WHERE a.id >= {FIRST_ID}"
        self.insert(Allocation, {**common, "resource_id": "l.resource_id", "role": "CASE a.kind WHEN 'infusion' THEN 'chair' ELSE 'room' END"}, of_place)
        nurse = f"CASE a.care_plan_id % 2 WHEN 0 THEN {{0}} ELSE {{1}} END"
        person = "CASE a.kind WHEN 'therapy' THEN {2} ELSE " + nurse + " END"
        self.insert(
            Allocation,
            {**common, "resource_id": person.format(*(one.resource_id for one in (*nurses, therapist))), "role": "CASE a.kind WHEN 'therapy' THEN 'therapist' ELSE 'nurse' END"},
            self.VISITS,
        )
        self.insert(
            Participant,
            {"appointment_id": "a.id", "practitioner_id": person.format(*(one.id for one in (*nurses, therapist)))},
            self.VISITS,
        )

    def reminders(self):
        for hours in LEAD_HOURS:
            luck = f"((a.id * 7 + {hours}) % 50)"
            due = self.before("a.start_at", hours)
            values = {
                "public_id": self.key("r", f"a.id * 100 + {hours}"),
                "appointment_id": "a.id",
                "schedule_version": "1",
                "rule": f"'before-{hours}h'",
                "due_at": due,
                "expires_at": "a.start_at",
                "created_at": "a.created_at",
                "state": f"CASE WHEN {due} > {self.at_now} THEN 'pending' WHEN {luck} < 2 THEN 'failed' WHEN {luck} < 3 THEN 'uncertain' WHEN {luck} < 7 THEN 'skipped' WHEN {luck} < 9 THEN 'void' ELSE 'sent' END",
                "reason_code": f"CASE WHEN {luck} IN (3, 4) THEN 'no-address' WHEN {luck} IN (5, 6) THEN 'newer-reminder' ELSE '' END",
            }
            self.insert(Reminder, values, f"{self.VISITS} AND a.kind <> 'call'")

    def before(self, column: str, hours: int) -> str:
        if self.is_sqlite:
            return f"strftime('%Y-%m-%d %H:%M:%S.000000', {column}, '-{hours} hours')"
        return f"({column} - INTERVAL '{hours} hours')"

    def openings(self):
        canceled = f"{self.VISITS} AND a.status = 'cancelled' AND a.cancel_side = 'patient'"
        values = {
            "id": "a.id",
            "public_id": self.key("o", "a.id"),
            "cause": "'canceled'",
            "appointment_id": "a.id",
            "start_at": "a.start_at",
            "end_at": "a.end_at",
            "created_at": "a.cancelled_at",
            "closed_at": "a.start_at",
            "outcome": "CASE a.id % 5 WHEN 0 THEN 'filled' WHEN 1 THEN 'taken' WHEN 2 THEN 'dismissed' ELSE 'past' END",
        }
        self.insert(Opening, values, canceled)
        entry = {"id": "a.id", "public_id": self.key("w", "a.id"), "patient_id": "a.patient_id", "created_at": "a.cancelled_at", "ended_at": "a.start_at", "outcome": "'over'"}
        self.insert(WaitlistEntry, entry, f"{canceled} AND a.id % 5 < 3")
        offer = {"public_id": self.key("f", "a.id"), "opening_id": "a.id", "entry_id": "a.id", "start_at": "a.start_at", "created_at": "a.cancelled_at", "expires_at": "a.start_at", "state": "CASE a.id % 5 WHEN 0 THEN 'accepted' ELSE 'expired' END"}
        self.insert(Offer, offer, f"{canceled} AND a.id % 5 < 3")


def vars_of(step: Step) -> dict:
    return {name: getattr(step, name) for name in step.__dataclass_fields__}
