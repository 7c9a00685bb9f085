// The board: a click opens the visit beside it, arrows walk through a column, the now line moves.

const board = document.getElementById("board");
const panel = document.getElementById("panel");

board.addEventListener("click", (event) => {
  const visit = event.target.closest(".visit");
  if (!visit || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  open(visit);
});

function open(visit) {
  for (const other of board.querySelectorAll('[aria-current="true"]')) other.removeAttribute("aria-current");
  for (const same of board.querySelectorAll(`[data-visit="${visit.dataset.visit}"]`)) same.setAttribute("aria-current", "true");
  window.htmx.ajax("GET", visit.getAttribute("href"), { target: "#panel", swap: "innerHTML" });
}

document.addEventListener("part:closed", (event) => {
  if (event.detail !== "panel") return;
  const current = board.querySelector('[aria-current="true"]');
  current?.removeAttribute("aria-current");
  current?.focus();
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && panel.children.length) panel.querySelector('[data-close="panel"]')?.click();
  const visit = event.target.closest?.(".visit");
  if (!visit || !["ArrowUp", "ArrowDown"].includes(event.key)) return;
  event.preventDefault();
  const own = [...visit.parentElement.querySelectorAll(".visit")];
  own[own.indexOf(visit) + (event.key === "ArrowDown" ? 1 : -1)]?.focus();
});

function moveNow() {
  const start = new Date(board.dataset.start).getTime();
  const row = Math.floor((Date.now() + offset - start) / 300000) + 1;
  for (const line of board.querySelectorAll(".now")) line.style.gridRowStart = row;
}

// the server's clock, not the browser's
const offset = new Date(board.dataset.now).getTime() - Date.now();
setInterval(moveNow, 30000);
const line = board.querySelector(".now");
if (line) board.scrollTop = Math.max(0, line.offsetTop - board.clientHeight / 3);
