"""A year of freed time: offers that keep everybody's spacing beside a list that is worked first in, first out.

    python -m tests.benchmarks.waitlist_year [--quick]

A clinic of four chairs is booked as courses come: six infusions with therapy beside them, or four weekly ones. Patients
cancel 19% of their visits (PubMed 18806590), half of those in the last day, and accept 11% of the offers (JMIR 2024,
e52071). Each policy meets the same patients, cancellations and answers, and offers as often: to three at once, for an
hour, two hours before the time at the latest, not by night, twice a day to a patient, ten times for one opened time. A
time that a yes leaves is offered too, at most three deep.

"Spacing": who could take the time with their own course kept, other visits of theirs moved if need be. "List": who has
waited longest and whose visit is no longer than the time; a yes that breaks the course is refused, and the time goes on
to the next on the list, or ("ends") is lost, as where the desk learns it when the visit is booked.
"""

from __future__ import annotations

import argparse
import heapq
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import count, islice
from random import Random
from time import process_time

from scheduler.domain.planner import Availability, Chance, Gate, fitting_starts, reflow
from scheduler.domain.planner.answers.reflow import Reflow
from scheduler.domain.planner.openings.ranking import best_first
from scheduler.domain.planner.values import NoFit, Placement, PlacementChange
from scheduler.domain.plans import TICK
from scheduler.domain.windows import Window
from tests.benchmarks.waitlist_clinic import ARRIVALS, Clinic, Course, chair_time, left
from tests.domain.planner.clinics import NEW_YORK, at, day

WEEKS, QUICK_WEEKS, WARM_UP = 52, 6, 4
SEEDS = (1, 2, 3)
ACCEPTED = 0.11
AT_ONCE, A_DAY, MOST_WAVES, DEEPEST = 3, 2, 10, 3
HOLDS = timedelta(hours=1)
NOTICE = timedelta(hours=2)
LAST_CALL = timedelta(minutes=15)
LOOK_AGAIN = timedelta(hours=12)
DAY = timedelta(days=1)
OPEN_FROM, OPEN_UNTIL = 8, 21  # hours of the day in which offers are made


class Policy(StrEnum):
    SPACING = "spacing"
    LIST = "list"
    LIST_ENDS = "list, ends"


@dataclass
class Opening:
    """A time that got free. `counts` tells whether it is in the weeks that are counted."""

    number: int
    visit: Placement  # that was there
    window: Window
    depth: int
    counts: bool
    waves: int = 0
    ended: bool = False
    asked: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class Offer:
    course: Course
    action: str
    start: datetime
    changes: int  # of the course, when it was made
    hold: Placement


class Year:
    """Some weeks of a clinic under one policy."""

    def __init__(self, policy: Policy, seed: int, weeks: int, warm_up: int = WARM_UP) -> None:
        self.policy, self.seed, self.weeks = policy, seed, weeks + warm_up
        self.clinic = Clinic(seed)
        self.counts: Counter[str] = Counter()
        self.gained = 0.0
        self._order = count()
        self._events: list[tuple[datetime, int, Callable[..., None], tuple[object, ...]]] = []
        self._offered: dict[int, list[datetime]] = {}
        self._unanswered: set[int] = set()
        self._begins = at(day(7 * warm_up), "00:00")
        self._ends = at(day(7 * self.weeks), "00:00")

    def run(self) -> Year:
        """Let the weeks pass."""
        rng, keys = Random(f"{self.seed} arrivals"), count(1)
        for week in range(self.weeks):
            self._at(at(day(7 * week), "00:00"), self.clinic.begin_week, week)
            for _ in range(ARRIVALS):
                on = day(7 * week + rng.randrange(5))
                minute = rng.randrange(9 * 60)
                self._at(at(on, f"{8 + minute // 60:02}:{minute % 60:02}"), self._arrive, next(keys))
        while self._events:
            now, _, act, about = heapq.heappop(self._events)
            if now >= self._ends:
                break
            self._now = now
            act(*about)
        return self

    def _at(self, when: datetime, act: Callable[..., None], *about: object) -> None:
        heapq.heappush(self._events, (when, next(self._order), act, about))

    def _arrive(self, key: int) -> None:
        course = self.clinic.book(key, self._now)
        if course is not None:
            self._expect(course, {})

    def _expect(self, course: Course, before: dict[str, Placement]) -> None:
        """Note when the visits that are new or have moved will be canceled."""
        for action, visit in course.visits.items():
            known = before.get(action)
            if action.startswith("infusion") and (known is None or known.start != visit.start):
                when = self.clinic.cancels_at(course, visit, self._now)
                if when is not None:
                    self._at(when, self._cancel, course, action, visit.start)

    def _cancel(self, course: Course, action: str, start: datetime) -> None:
        visit = course.visits.get(action)
        if visit is None or visit.start != start:
            return  # it has moved, and another time to cancel was drawn
        before = dict(course.visits)
        gone = self.clinic.cancel(course, action, self._now)
        self._expect(course, before)
        for one in gone:
            given_up = one.action == action or one.action not in course.visits
            self._open(one, 0 if given_up else 1)  # or it moved when the canceled visit was made up for

    def _open(self, visit: Placement, depth: int) -> None:
        window = chair_time(visit)
        opening = Opening(next(self._order), visit, window, depth, self._now >= self._begins)
        self._count(opening, "openings", 1)
        self._count(opening, "freed", minutes(window))
        self._at(self._now, self._look, opening)

    def _count(self, opening: Opening, what: str, number: int) -> None:
        if opening.counts:
            self.counts[what] += number
            self.counts[f"{what} at first"] += number * (opening.depth == 0)

    def _look(self, opening: Opening) -> None:
        """Offer an opened time to the next, if someone could take it."""
        last = opening.window.end if self.policy is Policy.SPACING else opening.window.start + TICK
        if opening.waves >= MOST_WAVES or last <= self._now + NOTICE:
            return
        local = self._now.astimezone(NEW_YORK)
        if not OPEN_FROM <= local.hour < OPEN_UNTIL:
            on = local.date() + DAY * (local.hour >= OPEN_UNTIL)
            self._at(at(on, f"{OPEN_FROM:02}:00"), self._look, opening)
            return
        find = self._fitting if self.policy is Policy.SPACING else self._longest_waiting
        offers = list(islice(find(opening, last), AT_ONCE))
        if not offers:
            self._at(self._now + LOOK_AGAIN, self._look, opening)
            return
        opening.waves += 1
        until = min([self._now + HOLDS, *(one.start - LAST_CALL for one in offers)])
        yes = []
        for number, one in enumerate(offers):
            self._count(opening, "offers", 1)
            opening.asked.add(one.course.key)
            self._offered.setdefault(one.course.key, []).append(self._now)
            self._unanswered.add(one.course.key)
            self._hold(hold_key(opening, number), one)
            rng = self.clinic.chance("answers", one.course.key, one.action, opening.window.start)
            if rng.random() < ACCEPTED:
                yes.append((self._now + rng.random() * (until - self._now), number))
        for when, number in sorted(yes):
            self._at(when, self._accept, opening, opening.waves, offers, offers[number])
        self._at(until, self._end, opening, opening.waves, offers)

    def _hold(self, key: int, offer: Offer) -> None:
        """Hold the time of an offer, unless another offer of the wave holds it already."""
        if self.clinic.occupation.occupy(key, [offer.hold]):
            self.clinic.holds[key] = [offer.hold]

    def _release(self, opening: Opening, offers: list[Offer]) -> None:
        keys = [hold_key(opening, number) for number in range(len(offers))]
        self.clinic.occupation.release(keys)
        for key in keys:
            self.clinic.holds.pop(key, None)
        self._unanswered -= {one.course.key for one in offers}

    def _records(self, opening: Opening) -> list[tuple[Course, str]]:
        """Return who may be asked about an opened time, with the visits that wait, the longest wait first."""
        found = []
        for course in self.clinic.courses.values():
            asked = [when for when in self._offered.get(course.key, ()) if when > self._now - DAY]
            if course.key in opening.asked or course.key in self._unanswered or len(asked) >= A_DAY:
                continue
            found += [
                (since, course.key, action)
                for action, since in course.since.items()
                if action in course.visits and course.visits[action].start > opening.window.start
            ]
        return [(self.clinic.courses[key], action) for _, key, action in sorted(found)]

    def _chances(self, opening: Opening, last: datetime, blind: bool) -> list[tuple[Chance, Course, str]]:
        able = self._records(opening)
        records = []
        for number, (course, action) in enumerate(able):
            one = replace(self.clinic.record(course, action, self._now, self._now + NOTICE), key=number)
            if blind:
                one = replace(
                    one, offset=None, after=(), own=(), companions=()
                )  # of its course nothing is known
            records.append(one)
        begins = max(opening.window.start, self._now)
        gate = Gate(records, self.clinic.occupation.availability, self._now)
        return [(one, *able[one.waiting.key]) for one in gate.chances(Window(begins, last))]

    def _fitting(self, opening: Opening, last: datetime) -> Iterator[Offer]:
        """Yield those whose course stays right: the fewest moves first, then the most days gained."""

        def least(asked: tuple[Chance, Course, str]) -> tuple[float, ...]:
            chance, course, action = asked
            return 1 + chance.moves, -days(chance.starts[0], course.visits[action].start), chance.waiting.key

        def answer(asked: tuple[Chance, Course, str]) -> tuple[Offer, tuple[float, ...]] | None:
            chance, course, action = asked
            free = self.clinic.own(course)
            for start in fitting_starts(
                course.request, course.visits, action, chance.starts, free, now=self._now
            ):
                planned = self._moved(course, action, start, free)
                if planned is not None:
                    visit = next(one for one in planned.proposal.visits if one.action == action)
                    rank = (
                        1 + len(others_moved(planned)),
                        -days(start, course.visits[action].start),
                        chance.waiting.key,
                    )
                    return Offer(course, action, start, course.changes, visit), rank
            return None

        seen: set[int] = set()
        chances = self._chances(opening, last, False)
        for offer, _ in best_first(chances, least, answer, lambda made: made[1]):
            if offer.course.key not in seen:
                seen.add(offer.course.key)
                yield offer

    def _longest_waiting(self, opening: Opening, last: datetime) -> Iterator[Offer]:
        """Yield those whose visit is no longer than the time that got free, the longest wait first."""
        seen: set[int] = set()
        for chance, course, action in self._chances(opening, last, True):
            visit = course.visits[action]
            late = visit.start - chance.starts[0]
            there = Window(visit.start - late, visit.attended_end - late)
            busy = any(
                there.overlaps(Window(one.start, one.attended_end))
                for key, one in course.visits.items()
                if key != action
            )
            fits = chair_time(visit).length <= opening.window.length
            if fits and not busy and course.key not in seen:
                seen.add(course.key)
                yield Offer(course, action, chance.starts[0], course.changes, opening.visit)

    def _moved(self, course: Course, action: str, start: datetime, free: Availability) -> Reflow | None:
        try:
            return reflow(course.request, course.visits, {action: start}, free, now=self._now, explain=False)
        except NoFit:
            return None

    def _accept(self, opening: Opening, wave: int, offers: list[Offer], offer: Offer) -> None:
        """Move the visit of who says yes, if that is the first yes and the course allows it."""
        course, action = offer.course, offer.action
        if opening.ended or opening.waves != wave:
            self._count(opening, "too late", 1)
            return
        if course.changes != offer.changes:
            self._count(opening, "withdrawn", 1)
            return
        self._count(opening, "accepted", 1)
        self._release(opening, offers)
        planned = self._moved(course, action, offer.start, self.clinic.own(course))
        others = others_moved(planned) if planned else []
        if planned is None or (others and self.policy is not Policy.SPACING):
            self._count(opening, "refused", 1)
            opening.ended = self.policy is Policy.LIST_ENDS
            return
        opening.ended = True
        before = dict(course.visits)
        self.clinic.put(course, planned.proposal.visits, self._now)
        course.since.pop(action, None)
        self._expect(course, before)
        self._count(opening, "moved", 1)
        self._count(opening, "others moved", len(others))
        self._count(opening, "reused", common(chair_time(course.visits[action]), opening.window))
        self.gained += days(offer.start, before[action].start) * opening.counts
        if opening.depth + 1 < DEEPEST:
            for one in left(before, course.visits):
                self._open(one, opening.depth + 1)

    def _end(self, opening: Opening, wave: int, offers: list[Offer]) -> None:
        """End a wave; without a yes the next are asked."""
        if not opening.ended:
            assert opening.waves == wave
            self._release(opening, offers)
            self._look(opening)

    @property
    def share(self) -> float:
        """Of the chair minutes that cancellations freed, how many are used again through an offer."""
        return self.counts["reused at first"] / self.counts["freed at first"]

    @property
    def share_of_all(self) -> float:
        return self.counts["reused"] / self.counts["freed"]

    @property
    def violations(self) -> list[str]:
        return self.clinic.violations(self.weeks)


def others_moved(planned: Reflow) -> list[PlacementChange]:
    """Return the visits that get another time beside the one that was asked for."""
    return [one for one in planned.moves if one.why in ("follows", "placed")]


def hold_key(opening: Opening, number: int) -> int:
    return -(opening.number * AT_ONCE + number) - 1


def minutes(window: Window) -> int:
    return int(window.length.total_seconds() // 60)


def days(start: datetime, before: datetime) -> float:
    """Return how many days earlier a start is."""
    return (before - start) / DAY


def common(one: Window, other: Window) -> int:
    """Return the minutes that two windows share."""
    start, end = max(one.start, other.start), min(one.end, other.end)
    return minutes(Window(start, end)) if start < end else 0


def report(quick: bool) -> Iterator[str]:
    """Yield a table of all seeds and policies, and how the policies compare."""
    yield (
        "| seed, policy | times freed by cancellations, chair hours | used again | with times left by a yes "
        "| offers | first yes: kept, refused | other visits moved | days gained by each | violations | seconds |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|"
    shares: dict[Policy, list[float]] = {policy: [] for policy in Policy}
    for seed in SEEDS[:1] if quick else SEEDS:
        for policy in Policy:
            begun = process_time()
            year = Year(policy, seed, QUICK_WEEKS if quick else WEEKS).run()
            shares[policy].append(year.share)
            yield row(year, process_time() - begun)
    yield ""
    for policy in (Policy.LIST, Policy.LIST_ENDS):
        ratios = [ours / theirs for ours, theirs in zip(shares[Policy.SPACING], shares[policy], strict=True)]
        yield f'Used again, beside "{policy}": {", ".join(f"{one:.2f}" for one in ratios)} times as much.'


def row(year: Year, seconds: float) -> str:
    """Return one line of the table."""
    counts, violations = year.counts, year.violations
    for one in violations:
        print(f"{year.seed}, {year.policy}: {one}", file=sys.stderr)
    gained = year.gained / max(1, counts["moved"])
    return (
        f"| {year.seed}, {year.policy} "
        f"| {counts['openings at first']}, {counts['freed at first'] / 60:.0f} "
        f"| {year.share:.1%} | {year.share_of_all:.1%} of {counts['freed'] / 60:.0f} hours "
        f"| {counts['offers']} | {counts['moved']}, {counts['refused']} | {counts['others moved']} "
        f"| {gained:.1f} | {len(violations)} | {seconds:.0f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a few weeks of one seed")
    for text in report(parser.parse_args().quick):
        print(text, flush=True)


if __name__ == "__main__":
    main()
