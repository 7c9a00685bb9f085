// Asks for the password over the open page when the session locks, so that a draft is kept.
// The server decides; this only shows it in time, in all tabs, and tells the server that someone is typing.
const tabs = new BroadcastChannel("session");
const IDLE = 15 * 60 * 1000;
const TELL_EVERY = 60 * 1000;
let lastInput = Date.now();
let lastTold = Date.now();

function token() {
  return document.querySelector('meta[name="csrf-token"]').content;
}

function element(name, attributes = {}, words = "") {
  const made = document.createElement(name);
  Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
  made.textContent = words;
  return made;
}

function curtain() {
  const dialog = element("dialog", { id: "lock", class: "lock", "aria-labelledby": "lock-title" });
  const form = element("form", { class: "stack", method: "post", action: "/account/unlock" });
  const field = element("input", {
    id: "lock-password", name: "password", type: "password", class: "form-control",
    autocomplete: "current-password", required: "",
  });
  const trouble = element("p", { role: "alert", class: "small" });
  form.append(
    element("h2", { id: "lock-title" }, "Locked"),
    element("p", {}, "Screen locked. Enter your password to continue; your entries are kept."),
    element("label", { for: "lock-password" }, "Password"),
    field, trouble,
    element("button", { class: "btn btn-primary" }, "Unlock"),
  );
  const leave = element("form", { method: "post", action: "/logout" });
  leave.append(
    element("input", { type: "hidden", name: "csrf_token", value: token() }),
    element("button", { class: "btn btn-link w-100" }, "Switch user"),
  );
  dialog.append(form, leave);
  dialog.addEventListener("cancel", (event) => event.preventDefault());
  form.addEventListener("submit", (event) => unlock(event, dialog, field, trouble));
  document.body.append(dialog);
  return dialog;
}

async function unlock(event, dialog, field, trouble) {
  event.preventDefault();
  const answer = await fetch("/account/unlock", {
    method: "POST",
    headers: { "HX-Request": "true", "X-CSRFToken": token() },
    body: new URLSearchParams({ password: field.value }),
  });
  field.value = "";
  if (answer.status === 204) {
    open();
    tabs.postMessage("unlocked");
    return;
  }
  if (answer.headers.has("HX-Redirect") || answer.redirected) {
    window.location.reload();
    return;
  }
  const wait = answer.headers.get("Retry-After");
  trouble.textContent = wait
    ? `Too many attempts. Try again in ${wait} seconds.`
    : "Incorrect password.";
  field.focus();
}

function show() {
  const dialog = document.getElementById("lock") || curtain();
  if (!dialog.open) dialog.showModal();
}

function open() {
  lastInput = lastTold = Date.now();
  document.getElementById("lock")?.close();
}

// Locks at once and stays on the page; a server that does not answer gets the form itself.
async function lock(form) {
  const answer = await fetch(form.action, { method: "POST", headers: { "X-CSRFToken": token() } }).catch(() => null);
  if (!answer?.ok) return form.submit();
  show();
  tabs.postMessage("locked");
}

// After signing out nothing of the user is left: no draft in this tab, and no page in the others.
function leave() {
  sessionStorage.clear();
  document.body.replaceChildren(element("main", { class: "narrow" }));
  document.querySelector("main").append(
    element("h1", { class: "mb-3" }, "Signed out"),
    element("a", { class: "btn btn-primary", href: "/login" }, "Sign in"),
  );
}

tabs.addEventListener("message", ({ data }) => ({ locked: show, unlocked: open, "signed-out": leave })[data]());
document.addEventListener("submit", (event) => {
  const path = new URL(event.target.action).pathname;
  if (path === "/account/lock") {
    event.preventDefault();
    lock(event.target);
  } else if (path === "/logout") {
    sessionStorage.clear();
    tabs.postMessage("signed-out");
  }
});

function noted() {
  lastInput = Date.now();
  if (lastInput - lastTold < TELL_EVERY) return;
  lastTold = lastInput;
  fetch("/account/awake", { headers: { "HX-Request": "true" } }).then((answer) => {
    if (answer.status === 423) show();
  });
}

["keydown", "pointerdown"].forEach((kind) => document.addEventListener(kind, noted, { passive: true }));
document.addEventListener("htmx:responseError", (event) => {
  if (event.detail.xhr.status === 423) show();
});
setInterval(() => {
  if (Date.now() - lastInput >= IDLE) show();
}, 5000);
