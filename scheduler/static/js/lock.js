// Asks for the password over the open page when the session locks, so that a draft is kept.
// The server decides; this only shows it in time, and tells the server that someone is typing.
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
  dialog.append(form);
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
    lastInput = lastTold = Date.now();
    dialog.close();
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
