"""The web application, for gunicorn (`wsgi:app`) and the `flask` command."""

import sys

from config import ConfigError
from scheduler.app import create_app

try:
    app = create_app()
except ConfigError as error:
    sys.exit(f"seriate: {error}")
