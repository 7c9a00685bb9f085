"""Settings pages, one module for each subject, all under one blueprint."""

from scheduler.web.settings import closures, data, hours, overview, people, places, protocols, rules, users  # noqa: F401  (each adds its views)
from scheduler.web.settings.blueprint import bp

__all__ = ["bp"]
