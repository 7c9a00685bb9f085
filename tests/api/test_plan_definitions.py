from tests.cast import shipped
from tests.engines import both


@both
def test_every_protocol_is_listed_with_its_source(alice):
    found = alice.get("/plan-definitions").json["items"]
    iv = alice.get("/plan-definitions/iv-depression-6").json

    assert {one["key"] for one in found} == {plan.key for plan in shipped()}
    assert all(one["source"] and one["actions"] for one in found)
    assert iv in found
    assert sum(action["kind"] == "infusion" and not action.get("proposed") for action in iv["actions"]) == 6


def test_a_protocol_that_is_not_there(alice):
    assert alice.get("/plan-definitions/moon-landing").status_code == 404
