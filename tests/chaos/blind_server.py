"""The application with services that see an empty calendar: the control of a storm over HTTP."""

from scheduler.app import create_app
from tests.chaos.blindness import blind

blind()
app = create_app()
