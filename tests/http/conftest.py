"""Programs and a clock that stands, as in the tests of the API."""

from tests.api.conftest import api, travel

__all__ = ["api", "travel"]
