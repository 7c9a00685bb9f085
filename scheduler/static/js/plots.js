// Plots: Tab reaches the first mark, arrow keys go on to the others, and what has the focus is written below.
// The figure listens, since Chromium takes an SVG element that listens for focus as one more stop of the Tab key.

const NEXT = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

for (const plot of document.querySelectorAll(".plot")) {
  const stacks = [...plot.querySelectorAll(".plot-stack")];
  const said = plot.querySelector(".plot-said");
  const tell = (event) => {
    const stack = event.target.closest(".plot-stack");
    if (stack) said.textContent = stack.getAttribute("aria-label");
  };

  plot.addEventListener("keydown", (event) => {
    const at = stacks.indexOf(document.activeElement);
    const to = { Home: 0, End: stacks.length - 1 }[event.key] ?? (event.key in NEXT ? at + NEXT[event.key] : -1);
    if (at < 0 || !(to in stacks)) return;
    event.preventDefault();
    stacks[at].setAttribute("tabindex", "-1");
    stacks[to].setAttribute("tabindex", "0");
    stacks[to].focus();
  });
  plot.addEventListener("focusin", tell);
  plot.addEventListener("pointerover", tell);
}
