// Dragging a visit over the board. While it is held, the starts that keep its course possible are shaded; a ghost shows
// where it would go, on rows of five minutes. Nothing of the board's own layout changes.

const THRESHOLD = 5; // pixels: less is a click
const EDGE = 40; // pixels from the edge at which the board scrolls
export const TICK = 5; // minutes

export function startDragging(boardNow, drop) {
  let held = null;

  document.addEventListener("pointerdown", (event) => {
    const visit = event.target.closest("#board[data-may-move] .visit[data-movable]");
    if (!visit || event.button !== 0 || event.pointerType === "touch") return;
    const box = visit.getBoundingClientRect();
    held = { visit, x: event.clientX, y: event.clientY, grip: event.clientY - box.top, box, ghost: null, starts: null };
    delete visit.dataset.dragged;
  });

  document.addEventListener("pointermove", (event) => {
    if (!held) return;
    if (!held.ghost && Math.hypot(event.clientX - held.x, event.clientY - held.y) < THRESHOLD) return;
    if (!held.ghost) lift(boardNow(), held);
    event.preventDefault();
    scrollAtEdges(boardNow(), event);
    follow(boardNow(), held, event);
  });

  document.addEventListener("pointerup", () => {
    if (!held) return;
    const { visit, ghost, target } = held;
    letGo();
    if (ghost && target) drop(visit, target);
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && held?.ghost) letGo();
  });

  // a drag must not begin the browser's own dragging of a link
  document.addEventListener("dragstart", (event) => {
    if (event.target.closest?.("#board .visit")) event.preventDefault();
  });

  function letGo() {
    if (held.ghost) {
      held.ghost.remove();
      held.visit.classList.remove("lifted");
      document.body.classList.remove("dragging");
      for (const shade of boardNow().querySelectorAll(".fits")) shade.remove();
      const { visit } = held;
      setTimeout(() => delete visit.dataset.dragged, 0);
    }
    held = null;
  }
}

function lift(board, held) {
  held.ghost = held.visit.cloneNode(true);
  held.ghost.removeAttribute("href");
  held.ghost.className += " ghost";
  held.label = Object.assign(document.createElement("span"), { className: "ghost-time" });
  held.ghost.append(held.label);
  document.body.append(held.ghost);
  document.body.classList.add("dragging");
  held.visit.classList.add("lifted");
  held.visit.dataset.dragged = "yes";
  shade(board, held);
}

async function shade(board, held) {
  const answer = await fetch(`/appointments/${held.visit.dataset.visit}/starts?date=${board.dataset.on}`, { headers: { "HX-Request": "true" } });
  if (!answer.ok || !held.ghost.isConnected) return;
  held.starts = await answer.json();
  const origin = Date.parse(board.dataset.start) / 60000;
  for (const column of board.querySelectorAll(".col")) {
    const body = column.querySelector(".col-body");
    for (const [first, last] of runs(held.starts[column.dataset.place] || [])) {
      const mark = document.createElement("i");
      mark.className = `fits r${(first - origin) / TICK + 1} s${(last - first) / TICK + 1} w${column.dataset.units}`;
      body.append(mark);
    }
  }
  judge(held);
}

function judge(held) {
  if (!held.target) return;
  const fits = held.starts?.[held.target.location]?.includes(held.minute);
  held.ghost.classList.toggle("fits-here", Boolean(fits));
  held.ghost.classList.toggle("fits-not", held.starts !== null && !fits);
}

function* runs(minutes) {
  let first = null;
  let last = null;
  for (const minute of minutes) {
    if (last !== null && minute !== last + TICK) { yield [first, last]; first = minute; }
    first ??= minute;
    last = minute;
  }
  if (last !== null) yield [first, last];
}

function follow(board, held, event) {
  const column = document.elementsFromPoint(event.clientX, event.clientY).map((one) => one.closest("#board .col")).find(Boolean);
  held.target = null;
  if (!column) { place(held, event.clientX - held.box.width / 2, event.clientY - held.grip); return; }
  const body = column.querySelector(".col-body").getBoundingClientRect();
  const height = body.height / Number(board.dataset.rows);
  const row = Math.min(Math.max(Math.round((event.clientY - held.grip - body.top) / height), 0), Number(board.dataset.rows) - 1);
  held.minute = Date.parse(board.dataset.start) / 60000 + row * TICK;
  place(held, body.left + 2, body.top + row * height);
  held.label.textContent = label(board, row);
  held.target = { date: board.dataset.on, time: wallTime(board, row), location: column.dataset.place };
  judge(held);
}

function place(held, left, top) {
  // a transform, because moving by left and top counts as a shift of the layout
  Object.assign(held.ghost.style, { transform: `translate(${left}px, ${top}px)`, width: `${held.box.width}px`, height: `${held.box.height}px` });
}

// What the clinic writes for the time of a row: the server gives the twelve times of each hour with the axis.
export function label(board, row) {
  const hour = board.querySelectorAll(".axis .hour")[Math.floor((row * TICK) / 60)];
  return hour.dataset.times.split("|")[row % (60 / TICK)];
}

// The first row's wall-clock time is the clinic's, not that of this browser's zone.
export function wallTime(board, row) {
  const [hour, minute] = board.dataset.opens.split(":").map(Number);
  const total = hour * 60 + minute + row * TICK;
  return `${String(Math.floor(total / 60) % 24).padStart(2, "0")}:${String(total % 60).padStart(2, "0")}`;
}

function scrollAtEdges(board, event) {
  const box = board.getBoundingClientRect();
  if (event.clientY > box.bottom - EDGE) board.scrollTop += 12;
  if (event.clientY < box.top + EDGE + 30) board.scrollTop -= 12;
  if (event.clientX > box.right - EDGE) board.scrollLeft += 12;
  if (event.clientX < box.left + EDGE) board.scrollLeft -= 12;
}
