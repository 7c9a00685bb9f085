"""Requirements on the pages of a visit and a course: who may complete them, and until when they hold."""

from tests.services.courses import visit


def test_a_requirement_is_offered_only_to_the_roles_that_the_protocol_names(signed_in, harbor, course):
    path, at_course = (
        f"/appointments/{visit(course, 'infusion-1').public_id}",
        f"/care-plans/{course.public_id}",
    )
    alice, nick = signed_in(harbor, "alice"), signed_in(harbor, "nick")
    pages = alice.get(path).text, nick.get(path).text
    offered = [
        {key for key in ("consent", "medical-clearance", "driver") if f'id="settle-{key}"' in page}
        for page in pages
    ]

    assert offered == [{"driver"}, {"driver", "consent"}]
    assert "(prescriber only)" in pages[0]
    assert "/requirements/medical-clearance" not in nick.get(at_course).text
    refused = [
        alice.post(f"{path}/requirements/consent"),
        alice.post(f"{at_course}/requirements/medical-clearance", data={"note": "x"}),
        nick.post(f"{at_course}/requirements/medical-clearance"),
        alice.post(f"{at_course}/requirements/consent/reopening"),
    ]
    assert [answer.status_code for answer in refused] == [403] * 4
    assert "the protocol requires a prescriber" in refused[1].text
    assert nick.post(f"{path}/requirements/consent").status_code == 303


def test_a_date_beyond_what_the_protocol_allows_is_refused_on_the_page(signed_in, harbor, course):
    nick, path = signed_in(harbor, "nick"), f"/care-plans/{course.public_id}"
    answer = nick.post(f"{path}/requirements/pregnancy-test", data={"valid_until_on": "2099-12-31"})

    assert answer.status_code == 422
    assert "must be Mon, Nov 30, 2026 at the latest" in answer.text
    assert 'max="2026-11-30"' in nick.get(path).text
