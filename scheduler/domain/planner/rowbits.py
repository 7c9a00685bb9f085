"""Sets of cells seen row by row: what takes all days at once, in a few operations on one large integer.

A row's last cell is never a member, so a sum or a difference within a row never carries into the next one.
"""

from __future__ import annotations

from scheduler.domain.planner.bitsets import span, spans


class RowBits:
    """The arithmetic of sets on a grid of `days` rows of `width` cells; each row's last one is spare."""

    def __init__(self, days: int, width: int) -> None:
        self.days, self.width, self.size = days, width, days * width
        self.firsts = spans((row * width, row * width + 1) for row in range(days))
        self._all_but_last = self.firsts * span(0, width - 1)
        self._lasts = self.firsts << (width - 1)
        self.everything = span(0, self.size)
        self._bands: dict[int, int] = {}
        steps = [1 << power for power in range((width - 2).bit_length())]
        self._halvings = [(step, self._band(-step)) for step in steps]

    def rows(self, cells: int) -> int:
        """Return the rows with a member, each as its first cell."""
        return ((cells + self._all_but_last) & self._lasts) >> (self.width - 1)

    def whole(self, rows: int) -> int:
        """Return every cell of rows given by their first cells."""
        return (rows << self.width) - rows

    def since(self, cells: int) -> int:
        """Return each row's cells from its first member on."""
        rows = self.rows(cells)
        firsts = cells ^ (cells & (cells - rows))
        return (rows << self.width) - firsts

    def until(self, cells: int) -> int:
        """Return each row's cells up to its last member."""
        for step, band in self._halvings:
            cells |= cells >> step & band
        return cells

    def slid(self, cells: int, by: int) -> int:
        """Return the cells `by` places later in their row (earlier, if negative); what leaves the row is gone."""
        if abs(by) >= self.width:
            return 0
        return (cells << by if by > 0 else cells >> -by) & self._band(by) if by else cells

    def near(self, cells: int, low: int, high: int) -> int:
        """Return the places of each row that are from `low` to `high` places after some member of the row."""
        farthest = self.width - 2
        if low <= -farthest and high >= farthest:
            return self.whole(self.rows(cells))
        if high >= farthest:
            return self.slid(self.since(cells), low) if low > 0 else self._since_before(cells, -low)
        if low <= -farthest:
            return self.slid(self.until(cells), high) if high < 0 else self._until_after(cells, high)
        if low > 0:
            return self._after(self.slid(cells, low), high - low)
        if high < 0:
            return self._before(self.slid(cells, high), high - low)
        return self._before(cells, -low) | self._after(cells, high)

    def _since_before(self, cells: int, by: int) -> int:
        """Return each row's cells from `by` places before its first member on."""
        since = self.since(self.slid(cells, -by))
        early = cells ^ (cells & self._band(by)) if by else 0
        return since | self.whole(self.rows(early)) if early else since

    def _until_after(self, cells: int, by: int) -> int:
        """Return each row's cells up to `by` places after its last member."""
        until = self.until(self.slid(cells, by))
        late = cells ^ (cells & self._band(-by)) if by else 0
        return until | self.whole(self.rows(late)) if late else until

    def _before(self, cells: int, length: int) -> int:
        """Return the members and the `length` places before each of them."""
        done = 0
        while done < length and cells:
            step = min(done + 1, length - done)
            cells |= self.slid(cells, -step)
            done += step
        return cells

    def _after(self, cells: int, length: int) -> int:
        done = 0
        while done < length and cells:
            step = min(done + 1, length - done)
            cells |= self.slid(cells, step)
            done += step
        return cells

    def _band(self, by: int) -> int:
        """Return the places of a row that something slid by so much can land on."""
        known = self._bands.get(by)
        if known is None:
            some = span(by, self.width) if by > 0 else span(0, self.width + by)
            known = self._bands[by] = self.firsts * some
        return known
