"""Every row of the database as lines of JSON, and back: the content of a backup, the same for both engines.

The first line is the header: the schema's revision, when the snapshot was taken, and each table with its columns, so
that a backup can be read by a later program. Then, table by table in the order of foreign keys, one array a row, and a
line that counts the table's rows with the SHA-256 of their lines. The last line has the checksum of the whole: the
SHA-256 of the tables' own. Rows are ordered by primary key, so equal contents give equal checksums on either engine.

A snapshot is one reading transaction, so writers go on meanwhile: REPEATABLE READ on PostgreSQL, a WAL snapshot on
SQLite. Columns that refer to their own table are filled in a second pass, when every row is there.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from hashlib import sha256
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Date,
    DateTime,
    Float,
    Integer,
    LargeBinary,
    String,
    Table,
    Time,
    bindparam,
    column,
    func,
    insert,
    select,
    table,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Connection
from sqlalchemy.sql.expression import TableClause
from sqlalchemy.types import TypeEngine

from scheduler.database import Base, UTCDateTime
from scheduler.errors import Refusal

FORMAT = 1
PAGE = 500  # rows of one insert, and between two words of progress
Progress = Callable[[str, int], None]  # a table, and how many of its rows are done

# what a column holds -> how it is bound; a list, because the first that fits a model's column names it
KINDS: tuple[tuple[str, type[TypeEngine[Any]] | type[UTCDateTime], Any], ...] = (
    ("instant", UTCDateTime, UTCDateTime()),
    ("json", JSON, JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")),
    ("boolean", Boolean, Boolean()),
    ("bytes", LargeBinary, LargeBinary()),
    ("local", DateTime, DateTime()),
    ("date", Date, Date()),
    ("time", Time, Time()),
    ("integer", Integer, Integer()),
    ("number", Float, Float()),
    ("text", String, String()),
)
BOUND = {kind: bound for kind, _, bound in KINDS}
READ: dict[str, Callable[[Any], Any]] = {
    "instant": datetime.fromisoformat,
    "local": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "bytes": base64.b64decode,
}


class BadBackup(Refusal):
    """The file is not a whole backup of ours, or the database cannot take it."""

    code, status, title = "bad-backup", 422, "This backup cannot be used"


@dataclass(frozen=True)
class Columns:
    """One table as the header describes it. `later` refer to rows of the same table."""

    name: str
    kinds: Sequence[tuple[str, str]]
    key: Sequence[str]
    later: Sequence[str]

    @property
    def clause(self) -> TableClause:
        return table(self.name, *(column(name, BOUND[kind]) for name, kind in self.kinds))


@dataclass(frozen=True)
class Summary:
    """What a backup holds."""

    schema: str
    taken_at: str
    rows: int
    tables: int
    checksum: str


def snapshot(connection: Connection) -> Connection:
    """Return the connection set to read one state of the database, regardless of later writes."""
    if connection.dialect.name == "postgresql":
        return connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return connection


def dump(
    connection: Connection,
    schema: str,
    taken_at: datetime,
    put: Callable[[str], None],
    progress: Progress,
) -> Summary:
    """Put the lines of a backup of everything that the connection's transaction sees, one after the other."""
    described = [_described(one) for one in Base.metadata.sorted_tables]
    tables = [
        {"name": one.name, "columns": one.kinds, "key": one.key, "later": one.later} for one in described
    ]
    put(
        _line(
            {
                "seriate_backup": FORMAT,
                "schema": schema,
                "taken_at": taken_at.isoformat(),
                "tables": tables,
            }
        )
    )
    digests: list[str] = []
    total = 0
    for one in described:
        digest, count = _dump_table(connection, one, put, progress)
        digests.append(digest)
        total += count
    whole = _whole(digests)
    put(_line({"rows": total, "checksum": whole}))
    return Summary(schema, taken_at.isoformat(), total, len(described), whole)


def header(first: str) -> tuple[str, str, list[Columns]]:
    """Return schema, time and tables of a backup's first line. Raises BadBackup."""
    try:
        facts = json.loads(first)
        if facts["seriate_backup"] != FORMAT:
            raise BadBackup(f"the file has format {facts['seriate_backup']}, and this program reads {FORMAT}")
        tables = [
            Columns(one["name"], [(name, kind) for name, kind in one["columns"]], one["key"], one["later"])
            for one in facts["tables"]
        ]
        return facts["schema"], facts["taken_at"], tables
    except (ValueError, KeyError, TypeError) as error:
        raise BadBackup(f"the file does not begin as a backup does ({error!r})") from None


def load(connection: Connection, read: Iterable[str], progress: Progress) -> Summary:
    """Write the rows of a backup into empty tables of its own schema, and check that they arrived as they left.

    The caller's transaction keeps all of it or nothing. Raises BadBackup when the file is cut off or altered, or when
    what the database now holds has another checksum.
    """
    source = iter(read)
    schema, taken_at, described = header(next(source, ""))
    digests: list[str] = []
    total = 0
    for one in described:
        digest, count = _load_table(connection, one, source, progress)
        digests.append(digest)
        total += count
    if (
        _read(next(source, "")) != {"rows": total, "checksum": _whole(digests)}
        or next(source, None) is not None
    ):
        raise BadBackup("the file does not end as it should")
    for one, digest in zip(described, digests, strict=True):
        _count_on(connection, one)
        arrived = sha256()
        for line in _rows(connection, one):
            arrived.update(line.encode())
        if arrived.hexdigest() != digest:
            raise BadBackup(f"the rows of {one.name} did not arrive as they are in the file")
    return Summary(schema, taken_at, total, len(described), _whole(digests))


def filled(connection: Connection) -> list[str]:
    """Return the names of the tables that hold anything."""
    return [
        one.name
        for one in Base.metadata.sorted_tables
        if connection.scalar(select(func.count()).select_from(select(one).limit(1).subquery()))
    ]


def _dump_table(
    connection: Connection, one: Columns, put: Callable[[str], None], progress: Progress
) -> tuple[str, int]:
    digest, count = sha256(), 0
    for line in _rows(connection, one):
        digest.update(line.encode())
        put(line)
        count += 1
        if count % PAGE == 0:
            progress(one.name, count)
    progress(one.name, count)
    put(_line({"table": one.name, "rows": count, "sha256": digest.hexdigest()}))
    return digest.hexdigest(), count


def _load_table(
    connection: Connection, one: Columns, source: Iterator[str], progress: Progress
) -> tuple[str, int]:
    digest, count, page = sha256(), 0, []
    deferred: list[dict[str, Any]] = []
    for line in source:
        values = _read(line)
        if isinstance(values, dict):
            break
        digest.update(line.encode())
        row = _row(one, values)
        if any(row[name] is not None for name in one.later):
            deferred.append({f"own_{name}": row[name] for name in (*one.key, *one.later)})
        page.append(row | dict.fromkeys(one.later))
        count += 1
        if len(page) == PAGE:
            connection.execute(insert(one.clause), page)
            page = []
            progress(one.name, count)
    else:
        raise BadBackup(f"the file ends in the middle of {one.name}")
    if page:
        connection.execute(insert(one.clause), page)
    progress(one.name, count)
    if values != {"table": one.name, "rows": count, "sha256": digest.hexdigest()}:
        raise BadBackup(f"the rows of {one.name} are not those that were written")
    _fill_later(connection, one, deferred)
    return digest.hexdigest(), count


def _fill_later(connection: Connection, one: Columns, deferred: Sequence[dict[str, Any]]) -> None:
    if not deferred:
        return
    clause = one.clause
    statement = (
        update(clause)
        .where(*(clause.c[name] == bindparam(f"own_{name}") for name in one.key))
        .values({name: bindparam(f"own_{name}") for name in one.later})
    )
    connection.execute(statement, list(deferred))


def _count_on(connection: Connection, one: Columns) -> None:
    """Let PostgreSQL count its serial key on from the highest row; SQLite does so by itself."""
    if connection.dialect.name != "postgresql" or len(one.key) != 1:
        return
    quoted = connection.dialect.identifier_preparer.quote(one.name)
    sequence = connection.scalar(
        text("SELECT pg_get_serial_sequence(:quoted, :key)"), {"quoted": quoted, "key": one.key[0]}
    )
    if sequence is not None:
        highest = select(func.max(one.clause.c[one.key[0]])).scalar_subquery()
        connection.execute(select(func.setval(sequence, func.coalesce(highest, 1), highest.is_not(None))))


def _described(one: Table) -> Columns:
    own = {
        element.parent.name
        for constraint in one.foreign_key_constraints
        if constraint.referred_table is one
        for element in constraint.elements
        if element.parent.name != "clinic_id"
    }
    kinds = [(each.name, _kind(each.type)) for each in one.columns]
    return Columns(one.name, kinds, [each.name for each in one.primary_key], sorted(own))


def _kind(kind: TypeEngine[Any]) -> str:
    for name, python, _ in KINDS:
        if isinstance(kind, python):
            return name
    plain = getattr(kind, "impl", None)  # a type decorator is what it stores
    if plain is None:
        raise TypeError(f"a backup does not know how to keep {kind!r}")
    return _kind(plain if isinstance(plain, TypeEngine) else plain())


def _rows(connection: Connection, one: Columns) -> Iterator[str]:
    clause = one.clause
    query = select(*clause.c).order_by(*(clause.c[name] for name in one.key))
    found = connection.execute(query, execution_options={"yield_per": PAGE})
    for row in found:
        yield _line([_told(value) for value in row])


def _told(value: Any) -> Any:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value


def _row(one: Columns, values: Any) -> dict[str, Any]:
    if not isinstance(values, list) or len(values) != len(one.kinds):
        raise BadBackup(f"a row of {one.name} has not {len(one.kinds)} columns")
    try:
        return {
            name: READ[kind](value) if value is not None and kind in READ else value
            for (name, kind), value in zip(one.kinds, values, strict=True)
        }
    except (ValueError, TypeError) as error:
        raise BadBackup(f"a row of {one.name} cannot be read ({error})") from None


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True) + "\n"


def _read(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        raise BadBackup("the file ends too early, or holds a line that is not JSON") from None


def _whole(digests: Sequence[str]) -> str:
    return sha256("".join(digests).encode()).hexdigest()
