"""The web application, for the `flask` command (`flask web` serves it) and any WSGI server (`wsgi:app`)."""

import os
import sys

from config import ConfigError
from scheduler import schema
from scheduler.app import create_app

try:
    app = create_app()
    if os.environ.get("FLASK_RUN_FROM_CLI") != "true":  # a command looks itself: some mend what is wrong
        schema.require(app)
except ConfigError as error:
    sys.exit(f"seriate: {error}")
