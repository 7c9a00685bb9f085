"""Years of a clinic's history, written by the database itself: visits, what they took up, mails and reminders.

Visit n is in chair n % 100 at hour n // 100, so nothing overlaps; two in a hundred are ahead. Of a thousand mails 40
were skipped, four failed and one is unclear, and none of them was settled.
"""

from datetime import timedelta

from sqlalchemy import text

from tests.cast import add_patient, add_place

CHAIRS, PATIENTS = 100, 200
AHEAD = 50  # one of so many is ahead
NUMBERS = {
    "sqlite": "WITH RECURSIVE s(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n + 1 < :count)",
    "postgresql": "WITH s AS (SELECT generate_series(0, :count - 1) AS n)",
}
HOURS_ON = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%S.000000', {at}, ({n}) || ' hours')",
    "postgresql": "(CAST({at} AS timestamptz) + ({n}) * interval '1 hour')",
}
STATE = """CASE WHEN s.n / 100 >= :hours THEN 'pending' WHEN s.n % 1000 < 40 THEN 'skipped'
    WHEN s.n % 1000 < 44 THEN 'failed' WHEN s.n % 1000 = 44 THEN '{unclear}' ELSE 'sent' END"""
REASON = """CASE WHEN s.n % 1000 < 40 THEN 'booked too late for this reminder'
    WHEN s.n % 1000 < 45 THEN 'mailbox' ELSE '' END"""
CODE = "CASE WHEN s.n % 1000 < 40 THEN 'booked-late' WHEN s.n % 1000 < 45 THEN 'address-refused' ELSE '' END"


def write(session, cast, visits, now):
    """Write so many visits with two rows of what each takes up, a mail and a reminder."""
    first_chair = _resources(cast, [add_place(session, cast, f"C{n}", "chair") for n in range(CHAIRS)])
    people = [add_patient(session, cast, f"P{n}", "Past") for n in range(PATIENTS)]
    first_patient = _resources(cast, people)
    session.commit()
    engine = session.get_bind().dialect.name
    _unguard(session, engine)
    hours = (visits - visits // AHEAD) // CHAIRS
    base = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=hours - 1)
    on = HOURS_ON[engine]
    start, end = on.format(at=":base", n="s.n / 100"), on.format(at=":base", n="s.n / 100 + 1")
    values = {
        "count": visits, "base": f"{base:%Y-%m-%d %H:%M:%S}+00:00", "clinic": cast.clinic.id, "hours": hours,
        "chair": first_chair, "patient": first_patient, "person": people[0].id,
        "local": f"{base:%Y-%m-%d %H:%M:%S}.000000",
    }  # fmt: skip
    local = "CAST(:local AS timestamp)" if engine == "postgresql" else ":local"
    empty = "CAST('[]' AS json)" if engine == "postgresql" else "'[]'"
    filled = {"start": start, "end": end, "local": local, "empty": empty, "object": empty.replace("[]", "{}")}
    for template in STATEMENTS:
        statement = _with(NUMBERS[engine], template.format(**filled), engine)
        given = {name: value for name, value in values.items() if f":{name}" in statement}
        session.execute(text(statement), given)
        session.commit()
    if engine == "postgresql":  # the rows brought ids of their own
        for table in ("appointment", "message"):
            session.execute(
                text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), :last)"), {"last": visits}
            )
    session.execute(text("ANALYZE"))
    session.commit()


STATEMENTS = (
    """INSERT INTO appointment (id, clinic_id, public_id, patient_id, action, kind, title, visible, status, response,
        start_at, end_at, local_start, zone_name, phases, uid, sequence, schedule_version, row_version, changed_at,
        created_at, pinned, dosing_gap_hard, cancelled_quietly, status_reason)
    SELECT s.n + 1, :clinic, 'a' || s.n, :person + s.n % 200, 'infusion', 'infusion', 'Infusion', TRUE,
        CASE WHEN s.n / 100 < :hours THEN 'fulfilled' ELSE 'booked' END, 'needs-action',
        {start}, {end}, {local}, 'America/New_York', {empty}, 'u' || s.n, 0, 1, 1, {start}, {start}, FALSE, FALSE,
        FALSE, ''
    FROM s""",
    """INSERT INTO allocation (clinic_id, resource_id, unit, appointment_id, phase, role, exclusive, start_at, end_at)
    SELECT :clinic, :chair + s.n % 100, 0, s.n + 1, 'infusion', 'chair', FALSE, {start}, {end} FROM s""",
    """INSERT INTO allocation (clinic_id, resource_id, unit, appointment_id, phase, role, exclusive, start_at, end_at)
    SELECT :clinic, :patient + s.n % 200, 0, s.n + 1, 'visit', 'patient', FALSE, {start}, {end} FROM s""",
    f"""INSERT INTO message (id, clinic_id, public_id, kind, channel, patient_id, recipient, subject_line, "values",
        state, reason, reason_code, created_at, due_at, urgent_at, attempts, stops, resends, smtp_reply)
    SELECT s.n + 1, :clinic, 'm' || s.n, 'reminder', 'email', :person + s.n % 200, 'patient', '', {{object}},
        {STATE.format(unclear="uncertain")}, {REASON}, {CODE}, {{start}}, {{start}}, {{start}}, 1, 0, 0, '' FROM s""",
    """INSERT INTO message_subject (clinic_id, message_id, appointment_id, schedule_version)
    SELECT :clinic, s.n + 1, s.n + 1, 1 FROM s""",
    f"""INSERT INTO reminder (clinic_id, public_id, appointment_id, schedule_version, rule, recipient, due_at,
        expires_at, state, reason, reason_code, created_at)
    SELECT :clinic, 'r' || s.n, s.n + 1, 1, 'day-before', 'patient', {{start}}, {{end}},
        {STATE.format(unclear="failed")}, {REASON}, {CODE}, {{start}} FROM s""",
)  # fmt: skip


def _with(numbers, statement, engine):
    """Put the common table where each engine takes it: SQLite behind the INSERT INTO."""
    if engine == "postgresql":
        return f"{numbers} {statement}"
    into, _, rest = statement.partition("SELECT")
    return f"{into} {numbers} SELECT {rest}"


def _resources(cast, things):
    """Return the first resource of these; the others follow it without a gap."""
    ids = [one.resource_id for one in things]
    assert ids == list(range(ids[0], ids[0] + len(ids)))
    return ids[0]


def _unguard(session, engine):
    """Take the guard against overlaps away: it is not what is measured, and would take most of the time."""
    if engine == "postgresql":
        names = "SELECT conname FROM pg_constraint WHERE contype = 'x' AND conrelid = 'allocation'::regclass"
        drop = "ALTER TABLE allocation DROP CONSTRAINT {}"
    else:
        names = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'allocation'"
        drop = "DROP TRIGGER {}"
    for name in session.scalars(text(names)).all():
        session.execute(text(drop.format(name)))
    session.commit()
