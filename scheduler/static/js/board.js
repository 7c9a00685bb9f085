// The board: a click opens the visit beside it, or on an empty place the form for a new one; arrows walk through a
// column, a drag asks where it may go, and what another desk changes is shown here within seconds.

import { label, startDragging, wallTime } from "./board_drag.js";
import { isBeingUsed, show, showAfterChange } from "./panel.js";

const POLL = 5000;
const FULL = 60000; // states count minutes, so the columns are drawn again each minute
const panel = document.getElementById("panel");
let board = document.getElementById("board");
let drawn = Date.now();

// --- the panel
document.addEventListener("click", (event) => {
  const visit = event.target.closest("#board .visit, .side-visit");
  if (!visit || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  if (!visit.dataset.dragged) open(visit.dataset.visit);
});

function open(id) {
  mark(id);
  show("GET", `/appointments/${id}`);
}

function mark(id) {
  for (const visit of board.querySelectorAll(".visit")) {
    if (id && visit.dataset.visit === id) visit.setAttribute("aria-current", "true");
    else visit.removeAttribute("aria-current");
  }
}

document.addEventListener("part:closed", (event) => {
  if (event.detail !== "panel") return;
  const current = board.querySelector('[aria-current="true"]');
  mark("");
  current?.focus({ preventScroll: true });
});

document.addEventListener("board:changed", async (event) => {
  await refresh(0);
  if (event.detail.open && showAfterChange(event.detail.open)) mark(event.detail.open);
});

// --- keys
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && panel.children.length) {
    const close = panel.querySelector('[data-close="panel"]');
    close?.click();
  }
  const visit = event.target.closest?.(".visit");
  if (!visit || !["ArrowUp", "ArrowDown"].includes(event.key)) return;
  event.preventDefault();
  const own = [...visit.parentElement.querySelectorAll(".visit")];
  own[own.indexOf(visit) + (event.key === "ArrowDown" ? 1 : -1)]?.focus();
});

// --- an empty place: the mark of a new visit follows the pointer by the quarter hour, a click opens its form
const QUARTER = 3; // rows
let newMark = null;

function emptyPlace(event) {
  const body = event.target.closest?.("#board[data-new-visit] .col-body");
  const column = body?.closest(".col[data-place]");
  if (!column?.dataset.place || event.target.closest(".visit, .shade")) return null;
  if (document.body.classList.contains("dragging") || board.querySelector("[data-dragged]")) return null;
  const box = body.getBoundingClientRect();
  const rows = Number(board.dataset.rows);
  const row = Math.min(Math.floor(((event.clientY - box.top) / box.height) * rows), rows - 1);
  return { body, column, row: row - (row % QUARTER) };
}

document.addEventListener("pointermove", (event) => {
  const place = event.pointerType === "touch" ? null : emptyPlace(event);
  const look = place && `new-here r${place.row + 1} s${QUARTER * 2} w${place.column.dataset.units}`;
  if (place && newMark?.className === look && newMark.parentElement === place.body) return;
  newMark?.remove(); // a new element each time: one that goes elsewhere would count as a shift of the layout
  newMark = place && Object.assign(document.createElement("i"), { className: look, textContent: `+ ${label(board, place.row)}` });
  if (place) place.body.append(newMark);
});

document.addEventListener("click", (event) => {
  const place = emptyPlace(event);
  if (!place) return;
  const whose = board.dataset.view === "people" ? "practitioner" : "location";
  const values = { date: board.dataset.on, time: wallTime(board, place.row), [whose]: place.column.dataset.place };
  show("GET", board.dataset.newVisit, values);
});

// --- what others change
async function refresh(since) {
  const shown = new URLSearchParams({ view: board.dataset.view, only: board.dataset.only, since });
  const address = `/board/${board.dataset.on}/grid?${shown}`;
  const answer = await fetch(address, { headers: { "HX-Request": "true", "X-Background": "1" } });
  if (answer.status === 200) draw(await answer.text());
}

// The visit beside the board is fetched again when its block has changed, unless someone is typing there.
async function refreshPanel(before) {
  const shown = panel.querySelector("[data-panel]");
  const after = shown && look(shown.dataset.panel);
  if (!after || after === before || isBeingUsed()) return;
  const headers = { "HX-Request": "true", "X-Background": "1" };
  const answer = await fetch(`/appointments/${shown.dataset.panel}/panel`, { headers });
  if (answer.status !== 200 || !shown.isConnected) return;
  const page = await answer.text();
  if (isBeingUsed()) return; // by now
  const held = document.activeElement?.closest("#panel") && nameOf(document.activeElement);
  const { scrollTop } = panel;
  panel.innerHTML = page;
  window.htmx.process(panel);
  panel.scrollTop = scrollTop;
  if (held) [...panel.querySelectorAll("a, button, summary, [tabindex]")].find((one) => nameOf(one) === held)?.focus({ preventScroll: true });
}

const nameOf = (element) => element.id || `${element.tagName} ${element.href ?? ""} ${element.textContent.trim()}`;

// What another desk changes of a visit shows in its block: state, time, place. Numbers count minutes by themselves.
function look(id) {
  const block = document.querySelector(`#board [data-visit="${id}"]`) ?? document.querySelector(`#side [data-visit="${id}"]`);
  const column = block?.closest("[aria-labelledby]")?.getAttribute("aria-labelledby");
  return block ? `${column} ${block.className} ${block.textContent.replace(/\d+/g, "")}` : "";
}

function draw(html) {
  const { scrollTop, scrollLeft } = board;
  const current = board.querySelector('[aria-current="true"]')?.dataset.visit;
  const focused = document.activeElement?.closest("#board .visit")?.dataset.visit;
  const fresh = document.createElement("template");
  fresh.innerHTML = html;
  const side = document.getElementById("side");
  const { scrollTop: sideTop } = side;
  const listed = document.activeElement?.closest(".side-visit")?.dataset.visit;
  side.replaceWith(fresh.content.getElementById("side"));
  board.replaceWith(fresh.content.getElementById("board"));
  board = document.getElementById("board");
  document.getElementById("side").scrollTop = sideTop;
  document.getElementById("board-chips").replaceWith(fresh.content.getElementById("board-chips"));
  window.htmx.process(board);
  board.scrollTop = scrollTop;
  board.scrollLeft = scrollLeft;
  mark(current);
  if (listed) document.querySelector(`.side-visit[data-visit="${listed}"]`)?.focus({ preventScroll: true });
  if (focused) board.querySelector(`[data-visit="${focused}"]`)?.focus({ preventScroll: true });
  drawn = Date.now();
}

async function poll() {
  if (document.hidden || document.body.classList.contains("dragging")) return;
  const before = look(panel.querySelector("[data-panel]")?.dataset.panel);
  await refresh(Date.now() - drawn > FULL ? 0 : board.dataset.version);
  await refreshPanel(before);
}

setInterval(() => poll().catch(() => {}), POLL);

// --- dragging ends in the preview of the move, beside the board
startDragging(() => board, (visit, start) => {
  mark(visit.dataset.visit);
  show("POST", `/appointments/${visit.dataset.visit}/time/preview`, { ...start, scope: "following" });
});

// --- a link to a day may name the visit that it is about
const named = new URLSearchParams(window.location.search).get("visit");
if (named) window.addEventListener("load", () => open(named));

const line = board.querySelector(".now");
if (line) board.scrollTop = Math.max(0, line.offsetTop - board.clientHeight / 3);
