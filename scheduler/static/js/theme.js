// Loaded in the head, before anything is painted: the chosen theme, else the system's.
const system = window.matchMedia("(prefers-color-scheme: dark)");

function apply() {
  const chosen = localStorage.getItem("theme");
  document.documentElement.dataset.bsTheme = chosen || (system.matches ? "dark" : "light");
}

system.addEventListener("change", apply);
window.addEventListener("theme:choose", apply);
apply();
