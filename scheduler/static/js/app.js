// What every page does: CSRF for htmx, theme, search list, keyboard, toasts, and where the focus goes.

const typing = (target) => target.closest("input, textarea, select, [contenteditable], dialog[open]");
const go = (path) => { window.location.href = path; };

document.addEventListener("htmx:configRequest", (event) => {
  event.detail.headers["X-CSRFToken"] = document.querySelector('meta[name="csrf-token"]').content;
});

// --- focus: content that was swapped in may ask for it, unless the user has moved on while it was loading
document.addEventListener("htmx:beforeRequest", (event) => {
  event.detail.requestConfig.focusBefore = document.activeElement;
});
document.addEventListener("htmx:afterSettle", (event) => {
  const { elt, requestConfig } = event.detail;
  const wanted = [...(elt.querySelectorAll?.("[data-focus]") ?? [])];
  if (wanted.length === 0 || hasMovedOn(requestConfig?.focusBefore, elt)) return;
  const last = wanted.at(-1); // a heading first, then what needs an answer
  last.focus({ preventScroll: true });
  last.scrollIntoView({ block: "nearest" });
});

function hasMovedOn(before, swapped) {
  const now = document.activeElement;
  if (!now || now === before || now === document.body || swapped.contains(now)) return false;
  // an element that was redrawn while it had the focus is not a move by the user
  return Boolean(typing(now) || before?.isConnected);
}

// --- clicks
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-theme-toggle], [data-help], [data-back], [data-print], [data-close]");
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
  if (!button) return;
  if ("themeToggle" in button.dataset) toggleTheme();
  if ("help" in button.dataset) document.getElementById("keyboard").showModal();
  if ("back" in button.dataset) window.history.back();
  if ("print" in button.dataset) window.print();
  if ("close" in button.dataset) close(button.dataset.close);
});

function toggleTheme() {
  const dark = document.documentElement.dataset.bsTheme === "dark";
  localStorage.setItem("theme", dark ? "light" : "dark");
  window.dispatchEvent(new Event("theme:choose"));
}

function close(id) {
  document.getElementById(id).replaceChildren();
  document.dispatchEvent(new CustomEvent("part:closed", { detail: id }));
}

// --- a form that opens below the fold comes into sight
document.addEventListener("toggle", (event) => {
  if (event.target.open && event.target.matches("details.cancel")) event.target.scrollIntoView({ block: "nearest" });
}, true);

// --- forms that ask for themselves again when something in them changes
document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-autosubmit]");
  if (form) form.requestSubmit();
});

// --- a form is sent once, however often its button is pressed; again when there is an answer, or none for a while
const ONCE_FOR = 5000; // milliseconds: an answer may be a file, and the page stays

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return; // htmx has taken it, or nothing is changed by it
  if (event.submitter?.formTarget) return; // into a frame beside it: a preview, as often as someone types
  if (form.dataset.sent) { event.preventDefault(); return; }
  form.dataset.sent = "yes";
  setTimeout(() => delete form.dataset.sent, ONCE_FOR);
});
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

// --- the search list: a combobox
const search = document.getElementById("search");
const finds = document.getElementById("finds");

function choose(step) {
  const links = [...finds.querySelectorAll("a")];
  const at = links.findIndex((link) => link.getAttribute("aria-selected") === "true");
  links[at]?.setAttribute("aria-selected", "false");
  const next = links[(at + step + links.length) % links.length];
  next?.setAttribute("aria-selected", "true");
  next?.scrollIntoView({ block: "nearest" });
  if (next) search.setAttribute("aria-activedescendant", next.id);
}

function emptyFinds() {
  finds.replaceChildren();
  search.setAttribute("aria-expanded", "false");
  search.removeAttribute("aria-activedescendant");
}

search?.addEventListener("keydown", (event) => {
  if (event.key === "ArrowDown") { event.preventDefault(); choose(1); }
  if (event.key === "ArrowUp") { event.preventDefault(); choose(-1); }
  if (event.key === "Escape") { emptyFinds(); search.value = ""; search.blur(); }
  const chosen = finds.querySelector('[aria-selected="true"]');
  if (event.key === "Enter" && chosen) { event.preventDefault(); chosen.click(); }
});
finds?.addEventListener("htmx:afterSwap", () => search.setAttribute("aria-expanded", String(finds.children.length > 0)));
document.addEventListener("click", (event) => {
  if (finds?.children.length && !event.target.closest(".bar-search")) emptyFinds();
});

// --- a new patient under the name that was searched for: sent, so that no address holds it
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-new-patient]");
  if (!link?.dataset.newPatient) return;
  event.preventDefault();
  const form = document.createElement("form");
  Object.assign(form, { method: "post", action: link.href, hidden: true });
  const csrf = document.querySelector('meta[name="csrf-token"]').content;
  for (const [name, value] of [["csrf_token", csrf], ["name", link.dataset.newPatient]]) {
    form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
  }
  document.body.append(form);
  form.requestSubmit();
});

// --- what was searched for comes back with the page, from this tab's own history: the address does not hold it
const typed = document.querySelector('form[role="search"]:not(.bar-search) input[type="search"][hx-post]');
typed?.addEventListener("input", () => window.history.replaceState({ ...window.history.state, search: typed.value }, ""));
window.addEventListener("pageshow", () => {
  const before = window.history.state?.search;
  if (!typed || !before || typed.value === before) return;
  typed.value = before;
  typed.dispatchEvent(new Event("input", { bubbles: true }));
});

// --- keys
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  const link = document.querySelector(`[data-key~="${CSS.escape(event.key)}"]`);
  if (link) { event.preventDefault(); link.focus(); link.click(); return; }
  const act = { "/": () => search.focus(), n: () => go("/care-plans/new"), t: () => go("/"), "?": () => document.getElementById("keyboard").showModal() }[event.key];
  if (act && search) { event.preventDefault(); act(); }
});

// --- toasts: sent with an answer, or already there when the page came
const toasts = document.getElementById("toasts");
const later = (toast) => setTimeout(() => toast.remove(), toast.querySelector("form") ? 60000 : 8000);

document.addEventListener("toast", (event) => {
  const toast = document.createElement("div");
  toast.className = `toast-plain ${event.detail.category || ""}`;
  toast.append(Object.assign(document.createElement("span"), { textContent: event.detail.words }));
  if (event.detail.undo) toast.append(undoForm(event.detail.undo));
  toasts.replaceChildren(toast);
  window.htmx.process(toast);
  later(toast);
});

function undoForm(action) {
  const form = document.createElement("form");
  Object.assign(form, { method: "post", action });
  form.append(
    Object.assign(document.createElement("input"), { type: "hidden", name: "csrf_token", value: document.querySelector('meta[name="csrf-token"]').content }),
    Object.assign(document.createElement("button"), { textContent: "Undo" }),
  );
  return form;
}

for (const toast of toasts.children) later(toast);

// --- a course's picture is wider than a small screen: begin at today
const today = document.querySelector(".timeline .now-line");
const picture = today?.closest(".timeline");
if (picture) picture.scrollLeft = today.getBoundingClientRect().left - picture.getBoundingClientRect().left - picture.clientWidth / 2;
