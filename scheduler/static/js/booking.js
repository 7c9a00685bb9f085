// The booking page: one more empty day when the last is filled, so any number can be blocked.

const days = document.getElementById("blocked-days");

days?.addEventListener("change", () => {
  const last = days.lastElementChild;
  if (!last.value) return;
  const next = last.cloneNode();
  next.value = "";
  days.append(next);
});
