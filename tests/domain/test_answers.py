import pytest

from scheduler.domain.answers import Thresholds, needs_a_person

USUAL = Thresholds()


@pytest.mark.parametrize(
    ("interest", "down", "mood", "urgent", "needed"),
    [
        (3, 3, 0, False, True),
        (3, 2, 10, False, True),
        (2, 2, 10, False, False),
        (0, 0, 2, False, True),
        (0, 0, 3, False, False),
        (0, 0, 10, True, True),
        (None, None, None, False, False),
        (None, None, None, True, True),
        (None, 2, None, False, True),  # the other question may be worse
        (1, None, None, False, False),
    ],
)
def test_answers_beyond_the_thresholds_need_a_person(interest, down, mood, urgent, needed):
    assert needs_a_person(USUAL, interest, down, mood, urgent=urgent) is needed


def test_a_clinic_sets_its_own_thresholds():
    assert needs_a_person(Thresholds(3, 0), 2, 1, 5, urgent=False)
    assert not needs_a_person(Thresholds(6, 0), 3, 2, 1, urgent=False)
