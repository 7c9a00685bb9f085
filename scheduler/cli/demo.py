"""`flask demo ...`: what belongs to the demo and to tests only."""

from __future__ import annotations

from flask.cli import AppGroup

group = AppGroup("demo", help="The demo clinic and its mail.")
