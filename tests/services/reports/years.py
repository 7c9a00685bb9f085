"""Years of a clinic's visits, made by SQL in the database itself: a course is 16 visits, and its number decides what
becomes of each, so the same years come every time.

A course is six infusions, six therapy sessions and four calls of `iv-depression-6`. Some are missed, canceled early or
late, not recorded; every eighth course is stopped before its end. Days, the zone's offset of each day and the steps of
a course come from helper tables, since SQLite knows no zones.
"""

from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import text

from scheduler.database import Base
from scheduler.domain.periods import Period
from scheduler.domain.settings import LEAD_HOURS
from scheduler.models.allocation import Allocation
from scheduler.models.appointment import Appointment, Participant
from scheduler.models.care_plan import CarePlan
from scheduler.models.opening import Offer, Opening
from scheduler.models.patient import Patient
from scheduler.models.plan_definition import current
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
    """Return the visits of a course: six infusions three days apart, each with a therapy session, and four calls."""
    infusion, therapy = ("infusion", "Infusion", 2, 9 * 60, 120), ("therapy", "Therapy", None, 13 * 60, 50)
    call = ("call", "Check-in call", None, 8 * 60, 10)
    days = [(infusion, n, 3 * n - 3) for n in range(1, 7)] + [(therapy, n, 3 * n - 2) for n in range(1, 7)]
    days += [(call, n, 3 * n - 2) for n in range(1, 5)]
    return [
        Step(number, f"{kind}-{position}", kind, title, kind, position, 6, dosing, day, minute, minutes)
        for number, ((kind, title, dosing, minute, minutes), position, day) in enumerate(days)
    ]


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
        self.at_now = f"'{now.astimezone(UTC):%Y-%m-%d %H:%M:%S}.000000'" + (
            "" if self.is_sqlite else "::timestamp AT TIME ZONE 'UTC'"
        )

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
            rows.append(
                {
                    "number": number,
                    "midnight": f"{on} 00:00:00" if self.is_sqlite else datetime.combine(on, time.min),
                    "behind": -int(offset.total_seconds()) // 60,
                }
            )
        self.session.execute(text("INSERT INTO years_day VALUES (:number, :midnight, :behind)"), rows)
        self.session.execute(
            text(
                f"INSERT INTO years_step VALUES ({', '.join(f':{name}' for name in Step.__dataclass_fields__)})"
            ),
            [asdict(one) for one in steps()],
        )
        self.run(
            "INSERT INTO years_course WITH RECURSIVE n(i) AS"
            f" (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {self.courses - 1}) SELECT i FROM n"
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
        self.run(
            f"INSERT INTO {model.__tablename__} ({columns}) SELECT {', '.join(values.values())} {source}"
        )

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
            "status": chosen(
                {f"{self.utc('18 * 60')} > {self.at_now}": "'active'", self.STOPPED: "'revoked'"},
                "'completed'",
            ),
            "created_at": self.utc(f"-60 * 24 * (({end}) + 3 + c.number % 30)"),
            "status_at": self.utc("18 * 60"),
        }
        self.insert(CarePlan, values, f"FROM years_course c {self.day(end)}")

    LUCK = "((c.number * 31 + s.number * 17 + c.number / 100) % 100)"
    LATER = (
        "CASE WHEN s.dosing IS NULL THEN 0"
        " ELSE (c.number * 13 + s.number * 7) % 10 / 8 + (c.number * 11 + s.number * 3) % 25 / 23 END"
    )
    PAST_STOP = f"({STOPPED} AND s.position > {LAST})"

    def appointments(self):
        start = "s.minute + (c.number % 9) * 35"
        luck = self.LUCK
        ahead = f"{self.utc(start)} > {self.at_now}"
        status = chosen(
            {
                self.PAST_STOP: "'cancelled'",
                ahead: "'booked'",
                f"{luck} < 4": "'noshow'",
                f"{luck} < 11": "'cancelled'",
                f"{luck} < 12": "'booked'",
            },
            "'fulfilled'",
        )
        canceled = f"({self.PAST_STOP} OR ({self.utc(start)} <= {self.at_now} AND {luck} BETWEEN 4 AND 10))"
        chairs = [one.id for name, one in sorted(self.cast.places.items()) if "Chair" in name]
        room = next(one.id for name, one in self.cast.places.items() if "Room" in name)
        chair = (
            f"CASE c.number % {len(chairs)} "
            + " ".join(f"WHEN {n} THEN {id_}" for n, id_ in enumerate(chairs))
            + " END"
        )
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
            "response": chosen(
                {f"(c.number + s.number) % 3 = 0 OR {canceled}": "'needs-action'"}, "'accepted'"
            ),
            "start_at": self.utc(start),
            "end_at": self.utc(f"{start} + s.minutes"),
            "local_start": self.local(start),
            "zone_name": f"'{self.cast.clinic.zone_name}'",
            "phases": '\'[{"name": "treatment", "minutes": 120, "attended": true}]\'',
            "changed_at": self.utc(f"{start} - 60 * 24 * 20"),
            "created_at": self.utc(f"{start} - 60 * 24 * ((c.number + s.number) % 35) - 60"),
            "dosing_gap_days": "s.dosing",
            "cancelled_at": chosen(
                {canceled: self.utc(f"{start} - {chosen({f'{luck} < 8': '600'}, '6000')}")}
            ),
            "cancel_side": chosen(
                {self.PAST_STOP: "'clinic'", f"{canceled} AND {luck} < 10": "'patient'", canceled: "'clinic'"}
            ),
        }
        source = f"FROM years_course c CROSS JOIN years_step s {self.day(f's.day + {self.LATER}')}"
        self.insert(Appointment, values, source)

    VISITS = "FROM appointment a WHERE a.id >= " + str(FIRST_ID)

    def allocations(self):
        people = self.cast.people
        nurses, therapist = [people["Nina"], people["Noah"]], people["Theo"]
        held = "a.status <> 'cancelled' AND a.status <> 'noshow'"
        common = {
            "appointment_id": "a.id",
            "phase": "'treatment'",
            "start_at": "a.start_at",
            "end_at": "a.end_at",
            "released_at": f"CASE WHEN {held} THEN NULL ELSE a.changed_at END",
            "unit": f"(a.care_plan_id - {FIRST_ID}) * {STEPS} + a.id % {STEPS}",
        }
        self.insert(Allocation, {**common, "resource_id": "a.patient_id", "role": "'patient'"}, self.VISITS)
        of_place = f"FROM appointment a JOIN location l ON l.id = a.location_id WHERE a.id >= {FIRST_ID}"
        self.insert(
            Allocation,
            {
                **common,
                "resource_id": "l.resource_id",
                "role": "CASE a.kind WHEN 'infusion' THEN 'chair' ELSE 'room' END",
            },
            of_place,
        )
        nurse = "CASE a.care_plan_id % 2 WHEN 0 THEN {0} ELSE {1} END"
        person = "CASE a.kind WHEN 'therapy' THEN {2} ELSE " + nurse + " END"
        self.insert(
            Allocation,
            {
                **common,
                "resource_id": person.format(*(one.resource_id for one in (*nurses, therapist))),
                "role": "CASE a.kind WHEN 'therapy' THEN 'therapist' ELSE 'nurse' END",
            },
            self.VISITS,
        )
        self.insert(
            Participant,
            {
                "appointment_id": "a.id",
                "practitioner_id": person.format(*(one.id for one in (*nurses, therapist))),
            },
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
                "state": chosen(
                    {
                        f"{due} > {self.at_now}": "'pending'",
                        f"{luck} < 2": "'failed'",
                        f"{luck} < 3": "'uncertain'",
                        f"{luck} < 7": "'skipped'",
                        f"{luck} < 9": "'void'",
                    },
                    "'sent'",
                ),
                "reason_code": chosen(
                    {f"{luck} IN (3, 4)": "'no-address'", f"{luck} IN (5, 6)": "'newer-reminder'"}, "''"
                ),
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
        entry = {
            "id": "a.id",
            "public_id": self.key("w", "a.id"),
            "patient_id": "a.patient_id",
            "created_at": "a.cancelled_at",
            "ended_at": "a.start_at",
            "outcome": "'over'",
        }
        self.insert(WaitlistEntry, entry, f"{canceled} AND a.id % 5 < 3")
        offer = {
            "public_id": self.key("f", "a.id"),
            "opening_id": "a.id",
            "entry_id": "a.id",
            "start_at": "a.start_at",
            "created_at": "a.cancelled_at",
            "expires_at": "a.start_at",
            "state": "CASE a.id % 5 WHEN 0 THEN 'accepted' ELSE 'expired' END",
        }
        self.insert(Offer, offer, f"{canceled} AND a.id % 5 < 3")


def chosen(cases: dict[str, str], otherwise: str = "NULL") -> str:
    """Return the CASE of SQL: the value of the first condition that holds."""
    return f"CASE {' '.join(f'WHEN {when} THEN {then}' for when, then in cases.items())} ELSE {otherwise} END"
