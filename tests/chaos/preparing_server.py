"""The web server with psycopg's own default, which prepares what it has sent five times: the pooler drill's control."""

from scheduler import app as apps
from scheduler.database import engine_options


def preparing(uri):
    options = engine_options(uri)
    del options["connect_args"]["prepare_threshold"]
    return options


apps.engine_options = preparing
app = apps.create_app()
