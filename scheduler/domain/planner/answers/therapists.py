"""Which other therapist could take the sessions of a proposal, at the same times."""

from __future__ import annotations

from scheduler.domain.planner.search.optimum import Solution
from scheduler.domain.planner.search.problem import PlanningProblem
from scheduler.domain.planner.values import TherapistChoice


def choices(problem: PlanningProblem, solution: Solution) -> tuple[TherapistChoice, ...]:
    """Return the candidates for the course's own therapist who are free for at least one session, most sessions first.

    None where there is no choice.
    """
    candidates = problem.optimum.therapists()
    if solution.therapist is None or len(candidates) < 2:
        return ()
    asking = [step for step in solution.cells if problem.pricing.therapists_of(step)]
    found = []
    for therapist in candidates:
        # bit n of a set tells whether the therapist is free at cell n
        free = [
            problem.pricing.therapists_of(step).get(therapist, 0) >> solution.cells[step] & 1
            for step in asking
        ]
        found.append(TherapistChoice(therapist, sum(free), len(asking), therapist == solution.therapist))
    found.sort(key=lambda one: (not one.chosen, -one.sessions))
    return tuple(one for one in found if one.sessions or one.chosen)
