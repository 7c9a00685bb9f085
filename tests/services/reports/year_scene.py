"""A year of Harbor: 120 courses begun from November 2025 on, written once into the templates of both engines."""

import pytest

from tests.cast import NOW, cast_of
from tests.engines import scene
from tests.services.reports import years
from tests.services.reports.years import YEAR


@scene("harbor_year")
def build_year(session):
    years.fill(session, cast_of(session, "harbor"), 120, YEAR.first_on, NOW.date(), NOW)


@pytest.fixture
def harbor_year(session, harbor):
    session.commit()
    return harbor
