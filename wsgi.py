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

# click has a context in a process of the `flask` command, but does not yet know which command it will run
runs_command = click.get_current_context(silent=True) is not None and SERVING.isdisjoint(sys.argv)
try:
    app = create_app(interfaces=not runs_command)
    if os.environ.get("FLASK_RUN_FROM_CLI") != "true":  # a command looks itself: some mend what is wrong
        schema.require(app)
except ConfigError as error:
    sys.exit(f"seriate: {error}")
