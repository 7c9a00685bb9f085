"""What of a page does not fit: it is wider than the window, its text is cut or lies over other text."""

from collections.abc import Iterator, Sequence

from playwright.sync_api import Page

from tests.fonts import NAMES

WIDTHS = (320, 720, 1024, 1440)  # 320 px is 1280 px at 400 % (WCAG 1.4.10), 720 px 1440 px at 200 %
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

# What floats over a page is not text of the page: the bar at the bottom of a phone, a head that does not scroll.
# A visit on the board is as high as it is long, and shows of its text what has room.
TEXTS = """() => {
  const frames = new Map();
  const framesOf = element => {
    if (element === document.body || !element) return [];
    if (!frames.has(element)) {
      const style = getComputedStyle(element), above = framesOf(element.parentElement);
      const floats = ['fixed', 'sticky'].includes(style.position) || style.clipPath !== 'none'
        || element.matches('.visit');
      const hides = style.overflowX === 'visible' && style.overflowY === 'visible' ? [] : [[element, style]];
      frames.set(element, above === null || floats ? null : [...hides, ...above]);
    }
    return frames.get(element);
  };
  const boxes = [], cut = [], range = document.createRange();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const words = node.data.trim().replace(/\\s+/g, ' '), element = node.parentElement;
    if (!words || element.closest('.visually-hidden, .skip, svg, select, textarea, dialog, script')) continue;
    if (!element.checkVisibility({visibilityProperty: true, opacityProperty: true}) || !framesOf(element)) continue;
    range.selectNodeContents(node);
    for (const {left: l, right: r, top: t, bottom: b, width, height} of range.getClientRects()) {
      let [left, right, top, bottom] = [l, r, t, b];
      for (const [frame, style] of framesOf(element)) {
        const box = frame.getBoundingClientRect();
        const hides = ['hidden', 'clip'].includes(style.overflowX) && style.textOverflow !== 'ellipsis';
        if (hides && (right > box.right + 1 || left < box.left - 1)) cut.push(words);
        [left, right] = [Math.max(left, box.left), Math.min(right, box.right)];
        [top, bottom] = [Math.max(top, box.top), Math.min(bottom, box.bottom)];
      }
      const rim = height / 5;  // of two lines, the empty tops and bottoms may meet
      if (right - left > 3 && bottom - top > 2 * rim) {
        boxes.push({left: left + 1, right: right - 1, top: top + rim, bottom: bottom - rim, words, node});
      }
    }
  }
  boxes.sort((one, other) => one.top - other.top);
  const overlaps = boxes.flatMap((one, number) => {
    const found = [];
    for (let next = number + 1; next < boxes.length && boxes[next].top < one.bottom; next++) {
      const other = boxes[next];
      if (other.node === one.node || other.left >= one.right || one.left >= other.right) continue;
      found.push([one.words, other.words]);
    }
    return found;
  });
  for (const field of document.querySelectorAll('input:is([type=time], [type=date])')) {
    if (!field.checkVisibility()) continue;
    const given = field.style.cssText, width = field.offsetWidth;
    Object.assign(field.style, {width: 'max-content', minWidth: 0, maxWidth: 'none', flex: 'none'});
    if (field.offsetWidth > width + 1) cut.push(field.name);
    field.style.cssText = given;
  }
  return [[...new Set(cut)], overlaps];
}"""

# Sizes are five parts of the root's, which users may change; weights are three (css/fonts.css).
TYPE = """() => {
  const root = parseFloat(getComputedStyle(document.documentElement).fontSize), odd = new Set();
  const sizes = [.75, .8125, .9375, 1.25, 1.75].map(part => part * root), weights = ['400', '500', '600'];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement, words = node.data.trim().slice(0, 30);
    if (!words || element.closest('script, style, noscript, option, .swagger-ui')) continue;
    if (!element.checkVisibility()) continue;
    const {fontSize, fontWeight} = getComputedStyle(element);
    const fits = sizes.some(size => Math.abs(size - parseFloat(fontSize)) < .06) && weights.includes(fontWeight);
    if (!fits) odd.add(`has ${words} in ${fontSize}, ${fontWeight}`);
  }
  return [...odd];
}"""


def odd_type(page: Page) -> list[str]:
    """Return the texts of a page whose size or weight is not of the scale."""
    found: list[str] = page.evaluate(TYPE)
    return found


def misfits(page: Page, fonts: Sequence[str] = FONTS) -> Iterator[str]:
    """Yield what does not fit at each width in each font: the shipped one, or that of a system, unscaled.

    Where each text is, is measured in the shipped font alone.
    """
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 844})
        for font, needed, cut in page.evaluate(MEASURE, list(fonts)):
            if needed > width:
                yield f"in the font {font} needs {needed} px of {width}"
            yield from (f"in the font {font} cuts {words!r} at {width} px" for words in cut)
        cut, overlaps = page.evaluate(TEXTS)
        yield from (f"cuts the text {words!r} at {width} px" for words in cut)
        yield from (f"shows {words!r} over {other!r} at {width} px" for words, other in overlaps)
