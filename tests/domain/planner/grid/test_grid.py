"""Windows on the grid of cells."""

from datetime import timedelta
from random import Random

from scheduler.domain.planner.grid import grid as grids
from scheduler.domain.planner.grid.grid import Grid
from scheduler.domain.windows import Window
from tests.domain.planner.clinics import MONDAY, NEW_YORK, at


def test_many_windows_cover_what_each_of_them_covers(monkeypatch):
    """Windows of odd seconds, some inside others, some across days and beyond the grid."""
    chance = Random(1)
    grid = Grid(NEW_YORK, MONDAY, 7)
    starts = [at(MONDAY, "00:00") + timedelta(seconds=chance.randint(-90_000, 700_000)) for _ in range(60)]
    windows = [Window(start, start + timedelta(seconds=chance.randint(1, 9_000))) for start in starts]
    found = []
    for few in (1, len(windows) + 1):
        monkeypatch.setattr(grids, "FEW", few)
        found.append((grid.touched(windows), grid.inside(windows)))

    assert found[0] == found[1]
    touched, inside = found[0]
    assert inside and inside & ~touched == 0 and inside != touched
