"""What of a page does not fit: it is wider than the window, or a button cuts its words."""

from collections.abc import Iterator, Sequence

from playwright.sync_api import Page

from tests.fonts import NAMES

WIDTHS = (390, 720, 1024, 1440)  # 720 px is 1440 px at 200 %
FONTS = ("shipped", *NAMES.values())
MEASURE = """async fonts => {
  const {style} = document.documentElement;
  const pressed = 'button:not(.visually-hidden), .btn:not(.visually-hidden), .button, .mark';
  await new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)));
  const measured = fonts.map(font => {
    style.setProperty('--text-font', font === 'shipped' ? '' : `'${font}'`);
    const needed = document.documentElement.scrollWidth;
    const cut = [...document.querySelectorAll(pressed)].filter(one => one.checkVisibility()
      && !['inline', 'contents'].includes(getComputedStyle(one).display)
      && getComputedStyle(one).textOverflow !== 'ellipsis' && one.scrollWidth > one.clientWidth + 1);
    return [font, needed, cut.map(one => one.textContent.trim().replace(/\\s+/g, ' '))];
  });
  style.setProperty('--text-font', '');
  return measured;
}"""


def misfits(page: Page, fonts: Sequence[str] = FONTS) -> Iterator[str]:
    """Yield what does not fit at each width in each font: the shipped one, or that of a system, unscaled."""
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 844})
        for font, needed, cut in page.evaluate(MEASURE, list(fonts)):
            if needed > width:
                yield f"in the font {font} needs {needed} px of {width}"
            yield from (f"in the font {font} cuts {words!r} at {width} px" for words in cut)
