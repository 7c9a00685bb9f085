"""The desk settles what new rules of the zone left at another hour, in a browser."""

from playwright.sync_api import expect

from scheduler.services.visit import zone_rules
from tests.cast import NOW
from tests.pages.accessibility import findings, with_axe
from tests.zones import one_stays_and_one_goes, other_rules


def test_what_could_not_go_along_is_read_by_all_and_settled(alice, session, staffed, tmp_path):
    left, _ = one_stays_and_one_goes(session, staffed)
    page = with_axe(alice)
    with other_rules(tmp_path / "zones", "America/New_York", "EDT4"):
        zone_rules.derive(session, staffed.command, NOW)
        session.commit()
        page.goto("/zone-rules")
        stray = page.get_by_role("row").filter(has_text="Bo Berg")
        expect(stray).to_contain_text("Nora Lindqvist")
        for width in (1440, 390):
            page.set_viewport_size({"width": width, "height": 844})
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # colours do not fade
                expect(page.locator(f"html[data-bs-theme={scheme}]")).to_have_count(1)
                assert findings(page) == []
            assert page.evaluate("() => document.documentElement.scrollWidth") <= width
        stray.get_by_role("button", name="Keep 11:00 AM").click()

        expect(page.get_by_role("row").filter(has_text="Bo Berg")).to_have_count(0)
    session.refresh(left)
    assert left.local_start.hour == 11
