// The panel beside the board or the week: it shows what the user asked for last. An answer that comes late takes away
// nothing that is being used.

const panel = document.getElementById("panel");
let loading = null; // the request that reads what the panel shows next
let address = "";

// Show what is at an address. Pressed again while it loads, it is not fetched again: a second answer would come under
// what is being typed by then.
export function show(method, path, values) {
  const asked = `${method} ${path} ${JSON.stringify(values)}`;
  if (loading && asked === address) {
    loading.focusBefore = document.activeElement;
    return;
  }
  loading = null;
  address = asked;
  window.htmx.ajax(method, path, { target: "#panel", swap: "innerHTML", values });
}

// After a change has emptied the panel: show the visit, unless the user has asked for something since. Tells whether.
export function showAfterChange(id) {
  if (panel.children.length || loading) return false;
  show("GET", `/appointments/${id}`);
  if (loading) loading.focusBefore = document.body; // who is elsewhere by now stays there
  return true;
}

// A part of the panel that was opened, or a field that has the focus, is not taken away from the user.
export function isBeingUsed() {
  return panel.querySelector("details[open]") || document.activeElement?.matches("#panel :is(input, select, textarea)");
}

document.addEventListener("htmx:beforeRequest", ({ detail: { target, requestConfig } }) => {
  if (target !== panel) return;
  if (requestConfig.elt !== document.body) address = "";
  loading = requestConfig;
});

document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const { target, requestConfig, xhr } = detail;
  if (target !== panel) return;
  const isOutdated = requestConfig.verb === "get" && requestConfig !== loading;
  const isLeft = !requestConfig.elt.isConnected; // the form was sent, and the panel shows something else by now
  forget(requestConfig);
  if (isLeft) tell(JSON.parse(xhr.getResponseHeader("HX-Trigger") ?? "{}"));
  if (xhr.status < 400 && (isOutdated || (isLeft && isBeingUsed()))) detail.shouldSwap = false;
});

// What an answer has to tell would be told by a form that is no longer on the page.
function tell(events) {
  for (const [name, detail] of Object.entries(events)) document.dispatchEvent(new CustomEvent(name, { detail }));
}

function forget(requestConfig) {
  if (requestConfig === loading) loading = null;
}

document.addEventListener("htmx:afterRequest", ({ detail }) => forget(detail.requestConfig)); // without an answer, too
