"""Settings pages, one module for each subject, all under one blueprint."""

from scheduler.web.settings import (  # noqa: F401  (each adds its views)
    clinic,
    closures,
    data,
    holidays,
    hours,
    imports,
    overview,
    people,
    places,
    placing,
    protocols,
    roles,
    rules,
    self_service,
    sites,
    texts,
    tokens,
    users,
)
from scheduler.web.settings.blueprint import bp

__all__ = ["bp"]
