def test_gaps_are_ranges_after_another_action(rita, harbor):
    _, bundle = rita("/PlanDefinition?name=iv-depression-6&_count=10")
    plans = {entry["resource"]["name"]: entry["resource"] for entry in bundle["entry"]}
    actions = {action["id"]: action for action in plans["IvDepression6"]["action"]}

    gap = actions["infusion-2"]["relatedAction"][0]
    assert (gap["actionId"], gap["relationship"]) == ("infusion-1", "after-start")
    assert gap["offsetRange"]["low"]["code"] == gap["offsetRange"]["high"]["code"] == "d"
    assert gap["offsetRange"]["low"]["value"] < gap["offsetRange"]["high"]["value"]


def test_retired_ones_are_told_apart(rita, session, harbor):
    _, active = rita("/PlanDefinition?status=active")
    _, retired = rita("/PlanDefinition?status=retired")
    _, drafts = rita("/PlanDefinition?status=draft")

    assert (active["total"], retired["total"], drafts["total"]) == (14, 0, 0)
