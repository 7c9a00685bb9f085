"""The web application, for the `flask` command (`flask web` serves it) and any WSGI server (`wsgi:app`)."""

import sys

from config import ConfigError
from scheduler.app import create_app

try:
    app = create_app()
except ConfigError as error:
    sys.exit(f"seriate: {error}")
