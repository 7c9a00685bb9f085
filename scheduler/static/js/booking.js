// The booking page: any number of stretches of unavailable dates, and a visit dragged on the small calendar (or moved by the arrow keys) to
// another start that keeps the course possible. The server says which starts those are, and solves the rest again.

const form = document.getElementById("wishes");
const proposals = document.getElementById("proposals");
const THRESHOLD = 5; // pixels: less is a click
const SIDES = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -1, ArrowDown: 1 };
let known = new Map(); // possible starts of each visit and how they are shown, as long as the same proposals stand
let held = null;
let wanted = null; // the visit that has the focus back when the new proposals are there
let before = null; // the open course before the move of that visit, and what to say of the move

// --- one more empty row of dates when the last is filled; a last day is not before its first
const away = document.getElementById("away");

away?.addEventListener("change", (event) => {
  const [first, last] = event.target.closest(".from-to").querySelectorAll("input");
  last.min = first.value;
  const rows = away.lastElementChild;
  if (!rows.querySelector("input").value) return;
  const next = rows.cloneNode(true);
  for (const field of next.querySelectorAll("input")) field.value = field.min = "";
  away.append(next);
});

// --- mornings, afternoons
form?.addEventListener("click", (event) => {
  const hours = event.target.closest("[data-hours]")?.dataset.hours;
  if (hours === undefined) return;
  [form.elements.earliest.value, form.elements.latest.value] = hours.split("/");
  form.requestSubmit();
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
  return answer.ok ? answer.json() : { starts: {}, labels: {}, days: {} };
}

// The start on that day which is nearest to the visit's own time of day; the first of two that are as near.
function nearest(starts, at) {
  const minutes = (text) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3));
  return starts?.reduce((best, one) => (Math.abs(minutes(one) - minutes(at)) < Math.abs(minutes(best) - minutes(at)) ? one : best));
}

// --- what follows from a move, in one line
const said = document.getElementById("proposals-said");

function course() {
  const chips = [...proposals.querySelectorAll(".offer[open] .chip")];
  return new Map(chips.map(({ dataset }) => [dataset.action, { ...dataset }]));
}

function follows(moved, now) {
  const visit = now.get(moved);
  if (!visit) return "";
  const others = [...now].filter(([key, { on, at }]) => key !== moved && before.course.get(key)
    && (before.course.get(key).on !== on || before.course.get(key).at !== at)).length;
  const end = (visits) => [...visits.values()].reduce((last, one) => (one.on > last.on ? one : last));
  const [was, is] = [end(before.course), end(now)];
  const rest = others ? `${others} other ${others === 1 ? "visit moves" : "visits move"} too` : "no other visit moves";
  const ends = was.on === is.on ? `The course still ends ${is.day}.` : `The course ends ${is.day} instead of ${was.day}.`;
  return `${visit.words} is on ${visit.day}; ${rest}. ${ends}${before.skipped}`;
}

// The days between two possible ones, on which no complete course has the visit.
function skipped({ starts, days }, chip, next) {
  const [low, high] = [chip.dataset.on, next].sort();
  const between = Object.keys(days).filter((on) => on > low && on < high && !starts[on]);
  if (!between.length) return "";
  const when = between.length === 1 ? `on ${days[between[0]]}` : `from ${days[between[0]]} to ${days[between.at(-1)]}`;
  return ` No complete course has it ${when}.`;
}

// A field asks for the other start. htmx may send the button that has the focus as well: that must not ask for another.
function pin(chip, on, at, words = "") {
  wanted = chip.dataset.action;
  before = { course: course(), skipped: words };
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
  // another start of its own changes nothing for the visit that was moved, and all else that changes does
  const own = wanted && known.get(wanted);
  known = new Map(own ? [[wanted, own]] : []);
  if (wanted) proposals.querySelector(`.offer[open] .chip[data-action="${CSS.escape(wanted)}"]`)?.focus({ preventScroll: true });
  said.textContent = (wanted && before && follows(wanted, course())) || proposals.querySelector("[data-said]")?.dataset.said || "";
  wanted = before = null;
});

// --- by the arrow keys: to another day, or to another start on the same day
proposals?.addEventListener("keydown", async (event) => {
  const chip = event.target.closest(".chip");
  const side = SIDES[event.key];
  if (!chip || !side || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  event.stopPropagation();
  const { on, at } = chip.dataset;
  const possible = await startsOf(chip.dataset.action);
  const { starts } = possible;
  if (!chip.isConnected) return;
  if (event.key === "ArrowUp" || event.key === "ArrowDown") {
    const times = starts[on] ?? [];
    const next = side > 0 ? times.find((one) => one > at) : times.findLast((one) => one < at);
    if (next) pin(chip, on, next);
    else said.textContent = `No ${side > 0 ? "later" : "earlier"} time on ${chip.dataset.day} keeps the course possible.`;
    return;
  }
  const days = Object.keys(starts).sort();
  const next = side > 0 ? days.find((one) => one > on) : days.findLast((one) => one < on);
  if (next) pin(chip, next, nearest(starts[next], at), skipped(possible, chip, next));
  else said.textContent = `No ${side > 0 ? "later" : "earlier"} day keeps the course possible.`;
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
