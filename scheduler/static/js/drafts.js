// Keeps what was typed into a form until it is saved: over a session that ended or was locked, a save that was refused,
// back, forward and reload. A draft is in this tab alone, encrypted with a key that the server gives only to the user
// who typed it; signing out deletes the drafts of all tabs. Only controls that differ from the saved state are kept.
// See "Drafts" in docs/security.md.
const KEEP_FOR = 12 * 60 * 60 * 1000; // the longest session
const PREFIX = "draft ";
const SENT = "sent draft";
const BACK_AGAIN = ["/login", "/account/locked", "/account/unlock", "/account/second-factor"]; // between a form and itself
const NOT_KEPT = ["hidden", "file", "password", "search", "submit", "button", "reset", "image"];
const key = await keyOfUser();
let earlier = ""; // the draft of the form that led here, which a form marked data-confirms goes on with
const cameBySave = leaveSent();
const page = window.location.pathname + window.location.search;
const bases = new WeakMap(); // form -> what each control had saved when it was changed first
let writing = Promise.resolve();

function keyOfUser() {
  const given = document.querySelector('meta[name="draft-key"]')?.content;
  if (!given || !window.crypto.subtle) return null; // plain http on another machine
  const bytes = Uint8Array.from(atob(given), (letter) => letter.charCodeAt(0));
  return window.crypto.subtle.importKey("raw", bytes, "AES-GCM", false, ["encrypt", "decrypt"]);
}

// A save answers with a redirect. Its draft is deleted; one that was refused or had to sign in first is kept, and a form
// that was sent back with its errors belongs to the address at which it was opened.
function leaveSent() {
  const sent = JSON.parse(sessionStorage.getItem(SENT) ?? "null");
  sessionStorage.removeItem(SENT);
  if (!sent) return "";
  const [arrival] = performance.getEntriesByType("navigation");
  if (arrival.type !== "navigate" || pathOf(document.referrer) !== sent.page) return "";
  if (arrival.redirectCount > 0) {
    sessionStorage.removeItem(sent.name);
    return "saved";
  }
  earlier = sent.name;
  if ([...document.forms].some((form) => pathOf(form.action) === sent.action)) {
    window.history.replaceState(window.history.state, "", sent.page);
  }
  return "refused";
}

function pathOf(address) {
  const parts = URL.canParse(address) ? new URL(address) : null;
  return parts?.origin === window.location.origin ? parts.pathname + parts.search : "";
}

// --- what is in a form
function isKept(form) {
  return form.method === "post" && !form.matches("[data-autosubmit], [data-no-draft], [role=search]");
}

function nameOf(form) {
  const same = [...document.forms].filter((one) => one.action === form.action);
  return `${PREFIX}${page} ${pathOf(form.action)} ${same.indexOf(form)}`;
}

function controlsOf(form) {
  const seen = new Map();
  const found = new Map();
  for (const control of form.elements) {
    if (!control.name || NOT_KEPT.includes(control.type) || control.autocomplete === "one-time-code") continue;
    const name = isChecked(control) ? `${control.name}=${control.value}` : control.name;
    const number = seen.get(name) ?? 0;
    seen.set(name, number + 1);
    found.set(`${name} ${number}`, control);
  }
  return found;
}

const isChecked = (control) => control.type === "checkbox" || control.type === "radio";
const isChoice = (control) => control.tagName === "SELECT";
const chosen = (control, wanted) => [...control.options].filter(wanted).map((option) => option.value).join("\n");

function valueOf(control) {
  if (isChecked(control)) return control.checked ? "yes" : "";
  return isChoice(control) ? chosen(control, (option) => option.selected) : control.value;
}

function savedOf(control) {
  if (isChecked(control)) return control.defaultChecked ? "yes" : "";
  if (!isChoice(control)) return control.defaultValue;
  return chosen(control, (option) => option.defaultSelected) || (control.multiple ? "" : control.options[0]?.value ?? "");
}

function put(control, value) {
  if (isChecked(control)) control.checked = value === "yes";
  else if (isChoice(control)) for (const option of control.options) option.selected = value.split("\n").includes(option.value);
  else control.value = value;
  for (const kind of ["input", "change"]) control.dispatchEvent(new Event(kind, { bubbles: true }));
}

// --- keeping
function keep(form) {
  if (!key || !form || !isKept(form)) return;
  const known = bases.get(form) ?? new Map();
  const changed = [...controlsOf(form)]
    .map(([name, control]) => [name, known.get(name) ?? savedOf(control), valueOf(control)])
    .filter(([, base, value]) => base !== value);
  bases.set(form, new Map(changed.map(([name, base]) => [name, base])));
  const name = nameOf(form);
  writing = writing.then(() => (changed.length ? write(name, changed) : sessionStorage.removeItem(name)));
}

async function write(name, changed) {
  const iv = window.crypto.getRandomValues(new Uint8Array(12));
  const text = new TextEncoder().encode(JSON.stringify({ changed, at: Date.now() }));
  const sealed = new Uint8Array(await window.crypto.subtle.encrypt({ name: "AES-GCM", iv }, key, text));
  const letters = [...iv, ...sealed].map((byte) => String.fromCharCode(byte)).join("");
  try {
    sessionStorage.setItem(name, btoa(letters));
  } catch {
    // the storage is full: this form is only on the page
  }
}

async function read(name) {
  const kept = sessionStorage.getItem(name);
  if (!kept) return null;
  try {
    const bytes = Uint8Array.from(atob(kept), (letter) => letter.charCodeAt(0));
    const opened = await window.crypto.subtle.decrypt({ name: "AES-GCM", iv: bytes.slice(0, 12) }, key, bytes.slice(12));
    const draft = JSON.parse(new TextDecoder().decode(opened));
    if (Date.now() - draft.at < KEEP_FOR) return draft;
  } catch {
    // of another user
  }
  sessionStorage.removeItem(name);
  return null;
}

// --- giving back: at once where the user comes back to the form, on request where the form is opened again, so that
// what was typed for one patient does not get into the record of another
const [arrival] = performance.getEntriesByType("navigation");
const comesBack = arrival.type !== "navigate" || cameBySave === "refused" || BACK_AGAIN.some((path) => pathOf(document.referrer).startsWith(path));

async function offer(form, atOnce) {
  if (!isKept(form)) return;
  const name = nameOf(form);
  const draft = await read(name);
  if (!draft) return;
  const controls = controlsOf(form);
  const entries = draft.changed.filter(([field]) => controls.has(field));
  bases.set(form, new Map(entries.map(([field, base]) => [field, base])));
  const lost = entries.filter(([field, , value]) => valueOf(controls.get(field)) !== value);
  if (lost.length === 0) return;
  const note = element("div", { class: "note draft mb-3", role: "status" });
  const discard = button("Discard", () => {
    sessionStorage.removeItem(name);
    bases.delete(form);
    form.reset();
    for (const hint of form.querySelectorAll(".draft-saved")) hint.remove();
    note.remove();
  });
  const fill = () => {
    note.replaceChildren(element("span", {}, "Your unsaved entries are back in this form. "), discard);
    for (const [field, base, value] of lost) restore(controls.get(field), base, value);
  };
  note.append(element("span", {}, "You have unsaved entries for this form. "), button("Restore", fill), discard);
  form.prepend(note);
  for (let fold = form.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  if (atOnce) fill();
}

function restore(control, base, value) {
  const saved = savedOf(control);
  if (saved !== base && !isChecked(control)) showSaved(control, saved);
  put(control, value);
}

// Another user saved this field meanwhile: both versions are shown.
function showSaved(control, saved) {
  const words = isChoice(control) ? [...control.options].find((option) => option.value === saved)?.text : saved;
  const hint = element("div", { class: "hint draft-saved", role: "status" }, `Changed meanwhile. Saved now: ${words || "nothing"} `);
  hint.append(button("Use this", () => { put(control, saved); hint.remove(); }));
  control.after(hint);
}

function button(words, act) {
  const made = element("button", { type: "button", class: "btn btn-sm btn-quiet" }, words);
  made.addEventListener("click", act);
  return made;
}

function element(name, attributes = {}, words = "") {
  const made = document.createElement(name);
  Object.entries(attributes).forEach(([attribute, value]) => made.setAttribute(attribute, value));
  made.textContent = words;
  return made;
}

// --- events
for (const kind of ["input", "change"]) document.addEventListener(kind, (event) => keep(event.target.form));

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (key && earlier && form.hasAttribute("data-confirms")) {
    sessionStorage.setItem(SENT, JSON.stringify({ name: earlier, action: pathOf(form.action), page }));
    return;
  }
  if (!key || event.defaultPrevented || event.submitter?.formTarget || !isKept(form) || controlsOf(form).size === 0) return;
  sessionStorage.setItem(SENT, JSON.stringify({ name: nameOf(form), action: pathOf(form.action), page }));
});

// A part of the page was saved when its answer has replaced the form; a preview leaves the form where it is.
document.addEventListener("htmx:beforeRequest", (event) => {
  const form = event.detail.elt;
  if (key && form.tagName === "FORM" && isKept(form)) event.detail.requestConfig.draft = nameOf(form);
});
document.addEventListener("htmx:afterSettle", (event) => {
  const { elt, requestConfig, xhr } = event.detail;
  if (xhr?.status < 400 && requestConfig?.draft && !requestConfig.elt.isConnected) sessionStorage.removeItem(requestConfig.draft);
  if (key) for (const form of elt.querySelectorAll?.("form") ?? []) offer(form, false);
});

if (key) for (const form of document.forms) offer(form, comesBack);
