"""A variant of a protocol, made on its page."""

import re

from scheduler.models.plan_definition import current
from tests.services.courses import visit


def fields_of(page):
    """Return what the form of the variant holds, by name."""
    form = page[page.index('id="variant"') : page.index("Add variant")]
    inputs = re.findall(r"<input [^>]*>", form)
    named = [(re.search(r'name="([^"]+)"', one)[1], re.search(r'value="([^"]*)"', one)[1]) for one in inputs]
    return {name: value for name, value in named if name != "csrf_token"}


def test_a_variant_is_made_from_another_protocol(session, harbor, signed_in, course):
    boss = signed_in(harbor, "mona")
    path = f"/settings/protocols/{course.plan_definition.public_id}"
    filled = fields_of(boss.get(path).text)
    count = next(name for name, value in filled.items() if name.startswith("count") and value == "6")
    wanted = filled | {"key": "iv-eight", "title": "Eight infusions", count: "8"}

    wrong = boss.post(f"{path}/variant", data=wanted | {"ideal-2": "99"})
    taken = boss.post(f"{path}/variant", data=wanted | {"key": "therapy-6"})
    made = boss.post(f"{path}/variant", data=wanted)

    assert [one.status_code for one in (wrong, taken, made)] == [422, 422, 303]
    assert "min &lt;= target &lt;= max" in wrong.text and 'value="99"' in wrong.text
    assert "is the key of another protocol" in taken.text
    session.rollback()
    plan = current(session, harbor.clinic.id, "iv-eight").plan
    assert sum(one.series == "infusion" for one in plan.actions) == 8
    assert visit(course, "infusion-6").series_length == 6
