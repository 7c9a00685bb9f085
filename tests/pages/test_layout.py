"""A page whose shipped font does not arrive is drawn in the system's, and fits as well.

Each configuration of fonts is one browser; test_every_page.py measures all pages with these fonts in one.
"""

import pytest

from tests.fonts import NAMES, NARROW, WIDE
from tests.pages.addresses import of_the_patient
from tests.pages.desk import settle
from tests.pages.fitting import misfits

SHIPPED = "IBM Plex Sans"


def block_the_font(page):
    """Let every request for the shipped font fail. `page.route` would switch the cache off for all files."""
    protocol = page.context.new_cdp_session(page)

    def fail(event):
        protocol.send(
            "Fetch.failRequest", {"requestId": event["requestId"], "errorReason": "BlockedByClient"}
        )

    protocol.on("Fetch.requestPaused", fail)
    protocol.send("Fetch.enable", {"patterns": [{"urlPattern": "*/vendor/ibm-plex-sans/*"}]})


def font_of(page, selector):
    """Return the family that draws the first element for the selector."""
    protocol = page.context.new_cdp_session(page)
    for domain in ("DOM", "CSS"):
        protocol.send(f"{domain}.enable")
    root = protocol.send("DOM.getDocument")["root"]["nodeId"]
    node = protocol.send("DOM.querySelector", {"nodeId": root, "selector": selector})["nodeId"]
    drawn = protocol.send("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"]
    protocol.detach()
    return max(drawn, key=lambda font: font["glyphCount"])["familyName"]


@pytest.mark.parametrize("files", [WIDE, NARROW], ids=lambda files: NAMES[files])
def test_a_page_whose_font_does_not_arrive_has_the_systems(
    files, session, staffed, course, open_page, live_server, faults
):
    faults.expect("ERR_BLOCKED_BY_CLIENT")
    blocked, page = open_page(live_server, files), open_page(live_server, files)
    block_the_font(blocked)
    for address in ("/login", of_the_patient(session, staffed, course)[1]):
        for one, family in ((blocked, NAMES[files]), (page, SHIPPED)):
            one.goto(address)
            settle(one)
            assert font_of(one, "h1") == family
            assert list(misfits(one, ["shipped"])) == []
