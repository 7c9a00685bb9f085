// Plots: Tab reaches the first mark, arrow keys go on to the others, and what has the focus is written below.

const NEXT = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

for (const picture of document.querySelectorAll(".plot-picture")) {
  const stacks = [...picture.querySelectorAll(".plot-stack")];
  const said = picture.closest(".plot").querySelector(".plot-said");
  const tell = (stack) => { said.textContent = stack?.getAttribute("aria-label") ?? ""; };

  picture.addEventListener("keydown", (event) => {
    const at = stacks.indexOf(document.activeElement);
    const to = { Home: 0, End: stacks.length - 1 }[event.key] ?? (event.key in NEXT ? at + NEXT[event.key] : -1);
    if (at < 0 || !(to in stacks)) return;
    event.preventDefault();
    stacks[at].setAttribute("tabindex", "-1");
    stacks[to].setAttribute("tabindex", "0");
    stacks[to].focus();
  });
  picture.addEventListener("focusin", (event) => tell(event.target.closest(".plot-stack")));
  picture.addEventListener("pointerover", (event) => {
    const stack = event.target.closest(".plot-stack");
    if (stack) tell(stack);
  });
}
