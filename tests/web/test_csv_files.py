"""An answer that is sent while it is read gives its connection back when it has been read, or when its reader goes."""

from codecs import BOM_UTF8

import pytest
from sqlalchemy import text

from scheduler.database import db
from scheduler.web.csv_files import _to_the_end
from tests.engines import both

FILES = {
    "/audit/export": {},
    "/reminders/export": {},
    "/settings/data/export": {"table": "appointments", "first": "2026-11-01", "last": "2026-11-30"},
}


@both
@pytest.mark.parametrize("address", FILES)
def test_no_connection_is_kept(address, session, harbor, course, signed_in):
    answer = signed_in(harbor, "ada").post(address, data=FILES[address], buffered=True)
    session.rollback()

    assert answer.status_code == 200
    assert answer.data.startswith(BOM_UTF8)
    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.text.partition("\n")[0].count(",") > 3
    assert db.engine.pool.checkedout() == 0


@both
def test_none_is_kept_when_the_reader_goes(session):
    lines = _to_the_end(session, (str(session.scalar(text("SELECT 1"))) for _ in range(3)))
    assert next(lines) == "1"
    assert db.engine.pool.checkedout() == 1
    lines.close()
    assert db.engine.pool.checkedout() == 0
