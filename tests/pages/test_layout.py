"""Pages hold with any font: nothing is wider than the window, and no button cuts its words.

Each configuration of fonts is one browser. It shows every page as it is when the shipped font did not arrive, in the
system's font, and as it is in the shipped one.
"""

import pytest

from tests.fonts import NAMES, NARROW, WIDE
from tests.pages.addresses import addresses, before_signing_in, of_the_patient
from tests.pages.desk import settle, sign_in

WIDTHS = (390, 720, 1024, 1440)  # 720 px is 1440 px at 200 %
SHIPPED = "IBM Plex Sans"
MEASURE = """shipped => new Promise(done => {
  const {style} = document.documentElement;
  const pressed = 'button:not(.visually-hidden), .btn:not(.visually-hidden), .button, .mark';
  style.setProperty('--text-font', shipped ? '' : 'system-ui');
  requestAnimationFrame(() => requestAnimationFrame(() => {
    const cut = [...document.querySelectorAll(pressed)].filter(one => one.checkVisibility()
      && !['inline', 'contents'].includes(getComputedStyle(one).display)
      && getComputedStyle(one).textOverflow !== 'ellipsis' && one.scrollWidth > one.clientWidth + 1);
    done([document.documentElement.scrollWidth, cut.map(one => one.textContent.trim().replace(/\\s+/g, ' '))]);
  }));
})"""


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


def misfits(page, address):
    """Yield what does not fit, in the shipped font and in the system's, unscaled."""
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 844})
        for font in ("shipped", "system's"):
            needed, cut = page.evaluate(MEASURE, font == "shipped")
            if needed > width:
                yield f"{address} in the {font} font needs {needed} px of {width}"
            yield from (f"{address} in the {font} font cuts {words!r} at {width} px" for words in cut)


@pytest.mark.timeout(600)  # 80 pages, each measured eight times
@pytest.mark.parametrize("files", [WIDE, NARROW], ids=lambda files: NAMES[files])
def test_every_page_fits(
    files, session, staffed, course, on_monday, open_page, live_server, faults, tmp_path
):
    faults.expect("status of 404")
    page = open_page(live_server, files)
    first, listed = before_signing_in(session, staffed), addresses(session, staffed, course, tmp_path)
    wrong = []
    for address in first + listed:
        if address == listed[0]:
            sign_in(page, "ada@example.org")
        page.goto(address)
        settle(page)
        wrong += misfits(page, address)

    assert wrong == []


@pytest.mark.parametrize("files", [WIDE, NARROW], ids=lambda files: NAMES[files])
def test_a_page_whose_font_does_not_arrive_has_the_systems(
    files, session, staffed, course, on_monday, open_page, live_server, faults
):
    faults.expect("ERR_BLOCKED_BY_CLIENT")
    blocked, page = open_page(live_server, files), open_page(live_server, files)
    block_the_font(blocked)
    for address in ("/login", of_the_patient(session, staffed, course)[1]):
        for one, family in ((blocked, NAMES[files]), (page, SHIPPED)):
            one.goto(address)
            settle(one)
            assert font_of(one, "h1") == family
            assert list(misfits(one, address)) == []
