"""Which answers of a patient a person must see soon.

The usual cut-off of the PHQ-2 is 3 (Kroenke 2003, PubMed 14583691). It finds possible depression, and the patients of
these clinics are in treatment for it: a cut-off of 3 would mark most of them, and what marks everyone is not read. Our
defaults are therefore 5 of 6 and a mood of 2 of 10; a clinic sets its own.
"""

from __future__ import annotations

from dataclasses import dataclass

ITEM_MOST = 3  # of each of the two questions
PHQ2_MOST, MOOD_MOST = 6, 10
PHQ2_FROM, MOOD_TO = 5, 2


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From which PHQ-2 sum on, and up to which mood, a person must look."""

    phq2_from: int = PHQ2_FROM
    mood_to: int = MOOD_TO


def needs_a_person(
    thresholds: Thresholds,
    little_interest: int | None,
    feeling_down: int | None,
    mood: int | None,
    *,
    urgent: bool,
) -> bool:
    """Tell whether a person must see these answers soon.

    A question of the PHQ-2 that was left out counts as its highest answer when the other one was answered.
    """
    answered = [item for item in (little_interest, feeling_down) if item is not None]
    highest_sum = sum(answered) + (2 - len(answered)) * ITEM_MOST if answered else 0
    low_mood = mood is not None and mood <= thresholds.mood_to
    return urgent or low_mood or highest_sum >= thresholds.phq2_from
