"""Services that see an empty calendar: so that only the database's guard stands in the way of a double booking."""

from scheduler.services.planning import availability, calendar_cache
from scheduler.services.visit import allocation

BLIND = (
    (calendar_cache, "_taken", lambda *_: iter(())),
    (availability, "_busy", lambda *_: []),
    (allocation, "_live", lambda _session, ids, _whole: {one: [] for one in ids}),
)


def blind(replace=setattr):
    """Blind the services of this process; a test gives its monkeypatch.setattr."""
    for module, name, instead in BLIND:
        assert hasattr(module, name), f"{module.__name__} has no {name}: the blinding is out of date"
        replace(module, name, instead)
