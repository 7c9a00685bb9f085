// The week: a click opens the visit beside it, or on an empty place of a day the form for a new one. A visit that is
// dragged to another day is moved there at the same time, or shows the times of that day that fit.

import { show, showAfterChange } from "./panel.js";

const panel = document.getElementById("panel");
const week = () => document.getElementById("week");
let held = null;

document.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  const visit = event.target.closest("#week a[data-visit]");
  if (visit) { event.preventDefault(); show("GET", `/appointments/${visit.dataset.visit}`); return; }
  const day = event.target.closest("#week[data-new-visit] [data-ahead]");
  if (day && !event.target.closest("a, header")) show("GET", week().dataset.newVisit, { date: day.dataset.on, time: "00:00" });
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
