"""The programs and browsers of the other interfaces' tests, with the objects of their matrices."""

from tests.api.conftest import api, travel, wishes  # noqa: F401
from tests.api.test_matrix import objects as api_objects  # noqa: F401
from tests.web.conftest import at_now, signed_in  # noqa: F401
from tests.web.test_matrix import objects  # noqa: F401
