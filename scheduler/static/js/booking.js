// The booking page: any number of blocked days, and a visit dragged on the small calendar (or moved by the arrow keys) to
// another start that keeps the course possible. The server says which starts those are, and solves the rest again.

const form = document.getElementById("wishes");
const proposals = document.getElementById("proposals");
const THRESHOLD = 5; // pixels: less is a click
const SIDES = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -1, ArrowDown: 1 };
let known = new Map(); // possible starts of each visit and how they are shown, as long as the same proposals stand
let held = null;
let wanted = null; // the visit that has the focus back when the new proposals are there

// --- one more empty day when the last is filled
const days = document.getElementById("blocked-days");

days?.addEventListener("change", () => {
  const last = days.lastElementChild;
  if (!last.value) return;
  const next = last.cloneNode();
  next.value = "";
  days.append(next);
});

// --- a field that cannot be asked about says so, and what was found before it is not to be booked any more
form?.addEventListener("htmx:validation:halted", () => {
  proposals.inert = true;
  form.reportValidity();
});

// --- where a visit may go
async function startsOf(action) {
  if (!known.has(action)) known.set(action, ask(action));
  return known.get(action);
}

async function ask(action) {
  const body = new FormData(form);
  body.set("action", action);
  const answer = await fetch("/care-plans/starts", { method: "POST", body, headers: { "HX-Request": "true" } });
  return answer.ok ? answer.json() : { starts: {}, labels: {} };
}

// The start on that day which is nearest to the visit's own time of day; the first of two that are as near.
function nearest(starts, at) {
  const minutes = (text) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3));
  return starts?.reduce((best, one) => (Math.abs(minutes(one) - minutes(at)) < Math.abs(minutes(best) - minutes(at)) ? one : best));
}

// A field asks for the other start. htmx may send the button that has the focus as well: that must not ask for another.
function pin(chip, on, at) {
  wanted = chip.dataset.action;
  const asks = { name: "pin", value: `${wanted}@${on}T${at}` };
  const field = Object.assign(document.createElement("input"), { type: "hidden", ...asks });
  field.setAttribute("form", "wishes");
  proposals.append(field);
  Object.assign(chip, asks);
  form.requestSubmit();
}

document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.elt !== proposals) return;
  proposals.inert = false;
  // another start of its own changes nothing for the visit that was moved, and whatever else changes does
  const own = wanted && known.get(wanted);
  known = new Map(own ? [[wanted, own]] : []);
  if (wanted) proposals.querySelector(`.offer[open] .chip[data-action="${CSS.escape(wanted)}"]`)?.focus({ preventScroll: true });
  wanted = null;
});

// --- by the arrow keys: to another day, or to another start on the same day
proposals?.addEventListener("keydown", async (event) => {
  const chip = event.target.closest(".chip");
  const side = SIDES[event.key];
  if (!chip || !side || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  event.stopPropagation();
  const { on, at } = chip.dataset;
  const { starts } = await startsOf(chip.dataset.action);
  if (!chip.isConnected) return;
  if (event.key === "ArrowUp" || event.key === "ArrowDown") {
    const times = starts[on] ?? [];
    const next = side > 0 ? times.find((one) => one > at) : times.findLast((one) => one < at);
    if (next) pin(chip, on, next);
    return;
  }
  const possible = Object.keys(starts).sort();
  const next = side > 0 ? possible.find((one) => one > on) : possible.findLast((one) => one < on);
  if (next) pin(chip, next, nearest(starts[next], at));
});

// --- by dragging
proposals?.addEventListener("pointerdown", (event) => {
  const chip = event.target.closest(".chip");
  if (!chip || event.button !== 0 || event.pointerType === "touch") return;
  held = { chip, x: event.clientX, y: event.clientY, ghost: null, possible: null, cell: null };
});

document.addEventListener("pointermove", (event) => {
  if (!held) return;
  if (!held.ghost && Math.hypot(event.clientX - held.x, event.clientY - held.y) < THRESHOLD) return;
  if (!held.ghost) lift(held);
  event.preventDefault();
  // a transform, because moving by left and top counts as a shift of the layout
  held.ghost.style.transform = `translate(${event.clientX + 8}px, ${event.clientY + 8}px)`;
  const cell = document.elementsFromPoint(event.clientX, event.clientY).find((one) => one.matches(".offer[open] .cal td"));
  held.cell?.classList.remove("over");
  held.cell = cell ?? null;
  cell?.classList.add("over");
  judge(held);
});

document.addEventListener("pointerup", () => {
  if (!held) return;
  const { chip, ghost, cell, possible } = held;
  letGo();
  const times = ghost && cell ? possible?.starts[cell.dataset.on] : null;
  if (times) pin(chip, cell.dataset.on, nearest(times, chip.dataset.at));
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && held) letGo();
});

// a drag ends with a click on what was dragged, if the pointer came back to it: that must not pin
document.addEventListener("click", (event) => {
  if (event.target.closest(".chip")?.dataset.dragged) { event.preventDefault(); event.stopPropagation(); }
}, true);

async function lift(drag) {
  const { chip } = drag;
  drag.ghost = chip.cloneNode(true);
  drag.ghost.removeAttribute("id");
  drag.ghost.setAttribute("aria-hidden", "true");
  drag.ghost.className += " chip-ghost";
  drag.ghost.style.width = `${chip.offsetWidth}px`;
  document.body.append(drag.ghost);
  document.body.classList.add("dragging");
  chip.dataset.dragged = "yes";
  drag.possible = await startsOf(chip.dataset.action);
  if (held !== drag) return;
  for (const cell of proposals.querySelectorAll(".offer[open] .cal td")) {
    cell.classList.toggle("fits-day", Boolean(drag.possible.starts[cell.dataset.on]));
  }
  judge(drag);
}

function judge({ ghost, cell, possible, chip }) {
  const times = cell && possible?.starts[cell.dataset.on];
  ghost.classList.toggle("fits-here", Boolean(times));
  ghost.classList.toggle("fits-not", Boolean(possible) && !times);
  if (times) ghost.querySelector("time").textContent = possible.labels[nearest(times, chip.dataset.at)];
}

function letGo() {
  const { chip, ghost, cell } = held;
  ghost?.remove();
  cell?.classList.remove("over");
  document.body.classList.remove("dragging");
  for (const one of proposals.querySelectorAll(".fits-day")) one.classList.remove("fits-day");
  setTimeout(() => delete chip.dataset.dragged, 0);
  held = null;
}
