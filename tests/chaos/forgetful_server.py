"""The application where one in five commits is none, although it answers as if: the control of a killed server."""

import random

from scheduler.app import create_app
from scheduler.database import db

chance, commit = random.Random(5), db.session.commit
db.session.commit = lambda: commit() if chance.random() < 0.8 else db.session.rollback()
app = create_app()
