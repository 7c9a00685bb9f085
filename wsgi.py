"""The web application, for the `flask` command (`flask web` serves it) and any WSGI server (`wsgi:app`).

For a command that serves nothing the app has no pages and no API, which are half of its start.
"""

import os
import sys

import click

from config import ConfigError
from scheduler import schema
from scheduler.app import create_app

SERVING = {"web", "run", "routes", "shell"}  # the commands that need the pages

# child processes inherit the variable, and a click context alone may be that of a server such as uvicorn
by_flask = os.environ.get("FLASK_RUN_FROM_CLI") == "true"
runs_command = by_flask and click.get_current_context(silent=True) is not None
try:
    app = create_app(interfaces=not runs_command or not SERVING.isdisjoint(sys.argv))
    if not by_flask:  # a command looks itself: some mend what is wrong
        schema.require(app)
except ConfigError as error:
    sys.exit(f"seriate: {error}")
