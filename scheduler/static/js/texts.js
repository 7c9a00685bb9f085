// The preview follows the typing: the form is posted into the frame, a moment after the last key.

const PAUSE = 400;
const form = document.getElementById("text-form");
const button = document.getElementById("text-preview");
let waiting = 0;

form.elements.body.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(show, PAUSE);
});

function show() {
  if (!form.elements.body.value.trim()) return;
  // a fresh frame each time: a second page in the same one would be a step for the Back button
  const old = document.querySelector('iframe[name="preview"]');
  const fresh = old.cloneNode();
  fresh.removeAttribute("src");
  old.replaceWith(fresh);
  form.requestSubmit(button);
}
