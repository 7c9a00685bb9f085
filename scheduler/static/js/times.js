// The strip of times by keyboard: one stop of the Tab key; arrows go through a day and to the next one, Home and End to
// a day's ends, Page Up and Page Down to other weeks.

const STOP = ".time:is(button), .time input";

function stops(strip) {
  return [...strip.querySelectorAll(".times-day")].map((day) => [...day.querySelectorAll(STOP)]).filter((day) => day.length);
}

function ready() {
  const strip = document.getElementById("times");
  if (!strip) return;
  const all = stops(strip).flat();
  if (all[0]?.type === "radio") return; // the browser makes a group of choices one stop by itself
  for (const [number, stop] of all.entries()) stop.tabIndex = number === 0 ? 0 : -1;
}

function wanted(key, days, here) {
  const at = days.findIndex((day) => day.includes(here));
  const row = days[at]?.indexOf(here);
  if (key === "ArrowDown") return days[at][row + 1] ?? days[at + 1]?.[0];
  if (key === "ArrowUp") return days[at][row - 1] ?? days[at - 1]?.at(-1);
  if (key === "Home") return days[at][0];
  if (key === "End") return days[at].at(-1);
  const beside = days[at + (key === "ArrowRight" ? 1 : -1)];
  return beside?.[Math.min(row, beside.length - 1)];
}

document.addEventListener("keydown", (event) => {
  const here = event.target.closest?.(STOP);
  const strip = here?.closest("#times");
  if (!strip || event.ctrlKey || event.metaKey || event.altKey) return;
  const week = { PageUp: "times-before", PageDown: "times-after" }[event.key];
  if (week) { event.preventDefault(); document.getElementById(week).click(); return; }
  if (!["ArrowDown", "ArrowUp", "ArrowLeft", "ArrowRight", "Home", "End"].includes(event.key)) return;
  event.preventDefault();
  event.stopPropagation();
  const next = wanted(event.key, stops(strip), here);
  if (!next) return;
  if (next.type === "radio") { next.checked = true; next.dispatchEvent(new Event("change", { bubbles: true })); }
  else { here.tabIndex = -1; next.tabIndex = 0; }
  next.focus();
}, true);

document.addEventListener("htmx:afterSettle", ready);
ready();
