"""The control of slow requests: a server that passes a request on before its body is here, and a lock taken first."""

import os

from flask import request
from werkzeug.serving import make_server

from scheduler.app import create_app
from scheduler.database import begin_write, db
from scheduler.transactions import SAFE
from tools.processes import LOOPBACK


def lock_first():
    if request.method not in SAFE:
        begin_write(db.session())


app = create_app()
app.before_request_funcs.setdefault(None, []).insert(0, lock_first)

if __name__ == "__main__":
    make_server(LOOPBACK, int(os.environ["PORT"]), app, threaded=True).serve_forever()
