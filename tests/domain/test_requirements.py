"""Whether a requirement is open for a visit."""

from datetime import UTC, date, datetime, timedelta

import pytest

from scheduler.domain.formats import USUAL
from scheduler.domain.plans import Holds, RequirementDefinition
from scheduler.domain.requirements import Settled, good_until, why_open

START = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
TODAY = date(2026, 11, 24)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
DRIVER = RequirementDefinition("driver", "Driver confirmed", Holds.PER_SESSION)
CONSENT = RequirementDefinition("consent", "Signed consent", Holds.ONCE, lead=24 * HOUR)
TEST = RequirementDefinition("test", "Pregnancy test", Holds.DAYS, valid_days=7)
FORM = RequirementDefinition("form", "Monitoring form", Holds.PER_SESSION, valid_days=7, after_visit=True)


@pytest.mark.parametrize(
    ("requirement", "settled", "why"),
    [
        (DRIVER, None, "Driver confirmed not recorded"),
        (DRIVER, Settled(START - MINUTE), None),
        (DRIVER, Settled(START + 10 * MINUTE), None),
        (CONSENT, Settled(START - 24 * HOUR), None),
        (
            CONSENT,
            Settled(START - 24 * HOUR + MINUTE),
            "Signed consent must be completed 24 hours before the visit",
        ),
        (CONSENT, Settled(START, waived=True), None),
        (TEST, Settled(START - HOUR, valid_until_on=TODAY), None),
        (
            TEST,
            Settled(START - HOUR, valid_until_on=date(2026, 11, 23)),
            "Pregnancy test is valid only through Nov 23, 2026",
        ),
        (TEST, Settled(START - HOUR, valid_until_on=date(2026, 11, 23), waived=True), None),
        (FORM, None, None),
    ],
)
def test_a_requirement_is_open_until_it_is_settled_in_time(
    requirement: RequirementDefinition, settled: Settled | None, why: str | None
) -> None:
    assert why_open(requirement, settled, START, TODAY, USUAL) == why


def test_a_requirement_is_good_for_its_days_or_for_good() -> None:
    assert [good_until(requirement, TODAY) for requirement in (TEST, CONSENT, DRIVER)] == [
        date(2026, 12, 1),
        None,
        None,
    ]
