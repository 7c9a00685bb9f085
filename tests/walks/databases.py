"""The database of the walks whose steps are committed: as it was before each walk."""

import pysqlite3.dbapi2 as sqlite

from scheduler.database import db


class Copies:
    """A copy of an SQLite database in memory, which takes the place of what a walk has left."""

    def __init__(self, session):
        session.rollback()
        self.kept = sqlite.connect(":memory:")
        self._copy(lambda file: file.backup(self.kept))

    def restore(self, session):
        session.rollback()
        session.expire_all()
        self._copy(self.kept.backup)

    def _copy(self, copy):
        path = db.engine.url.database
        file = sqlite.connect(path)
        try:
            copy(file)
        finally:
            file.close()
