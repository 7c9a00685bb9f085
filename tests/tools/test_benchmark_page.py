"""The page of benchmarks: a part that is measured anew takes its own place, and the other stays."""

from tests.benchmarks.__main__ import HEAD, with_part

FIRST = "## The planner\n\n### Figures\n\n| a |\n"
SECOND = "## Proposals through the API\n\n| b |\n"


def test_an_empty_page_is_written_wholly_and_in_order():
    page = with_part(with_part("", "Proposals through the API", SECOND), "The planner", FIRST)

    assert page == f"{HEAD}\n{FIRST}\n{SECOND}"


def test_a_part_takes_its_place_and_what_is_no_part_goes():
    page = f"# Benchmarks\n\nBy hand.\n\n{FIRST}\n{SECOND}\n## Another\n\nBy hand too.\n"
    newer = FIRST.replace("a", "c")

    assert with_part(page, "The planner", newer) == f"{HEAD}\n{newer}\n{SECOND}"
    assert with_part(page, "Proposals through the API", SECOND) == f"{HEAD}\n{FIRST}\n{SECOND}"
