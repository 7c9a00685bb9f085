// The week: a click opens the visit beside it, or on free time of a chair or room the form for a new one. A visit that is
// dragged to another day is moved there at the same time, or shows the times of that day that fit.

import { show, showAfterChange } from "./panel.js";

const panel = document.getElementById("panel");
const week = () => document.getElementById("week");
let held = null;

document.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  const visit = event.target.closest("#week a[data-visit]");
  if (visit) { event.preventDefault(); show("GET", `/appointments/${visit.dataset.visit}`); return; }
  const free = emptyPlace(event);
  if (free) show("GET", week().dataset.newVisit, { date: free.day, time: free.time, location: free.track.dataset.place });
});

// --- an empty place: the mark of a new visit follows the pointer by the quarter hour
const QUARTER = 3; // columns
let mark = null;

function emptyPlace(event) {
  const track = event.target.closest?.("#week[data-new-visit] [data-ahead] .track[data-place]");
  if (!track || held || event.target.closest("a, .shade")) return null;
  const box = track.getBoundingClientRect();
  const { columns, hour } = week().dataset;
  const column = Math.min(Math.floor(((event.clientX - box.left) / box.width) * columns), columns - 1);
  const start = column - (column % QUARTER);
  const minutes = hour * 60 + start * 5;
  const time = [Math.floor(minutes / 60) % 24, minutes % 60].map((part) => String(part).padStart(2, "0")).join(":");
  return { track, start, time, day: track.closest("[data-on]").dataset.on };
}

document.addEventListener("pointermove", (event) => {
  const free = event.pointerType === "touch" ? null : emptyPlace(event);
  const look = free && `new-here c${free.start + 1} k${QUARTER * 4}`;
  if (free && mark?.className === look && mark.parentElement === free.track) return;
  mark?.remove();
  mark = free && Object.assign(document.createElement("i"), { className: look, textContent: "+ New visit" });
  if (free) free.track.append(mark);
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") panel.querySelector('[data-close="panel"]')?.click();
});

// --- dragging
document.addEventListener("dragstart", (event) => {
  held = event.target.closest?.("#week[data-may-move] a[draggable]");
  if (!held) return;
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", held.textContent);
  shade(held);
});

async function shade(visit) {
  const answer = await fetch(`/appointments/${visit.dataset.visit}/starts?date=${week().dataset.first}&days=7`, { headers: { "HX-Request": "true" } });
  if (!answer.ok || held !== visit) return;
  const days = await answer.json();
  if (held !== visit) return;
  week().classList.add("moving");
  for (const day of week().querySelectorAll("[data-on]")) day.classList.toggle("fits", days.includes(day.dataset.on));
}

document.addEventListener("dragover", (event) => {
  const day = held && event.target.closest?.("#week [data-ahead]");
  over(day);
  if (day) event.preventDefault();
});

document.addEventListener("drop", (event) => {
  const day = held && event.target.closest?.("#week [data-ahead]");
  if (!day) return;
  event.preventDefault();
  if (!day.contains(held)) {
    show("POST", `/appointments/${held.dataset.visit}/time/preview`, { date: day.dataset.on, time: held.dataset.time, scope: "following" });
  }
});

document.addEventListener("dragend", () => {
  held = null;
  over(null);
  week().classList.remove("moving");
});

function over(day) {
  for (const one of week().querySelectorAll(".over")) if (one !== day) one.classList.remove("over");
  day?.classList.add("over");
}

// --- what was changed here
document.addEventListener("board:changed", async (event) => {
  await window.htmx.ajax("GET", window.location.href, { target: "#week", select: "#week", swap: "outerHTML" });
  if (event.detail.open) showAfterChange(event.detail.open);
});
