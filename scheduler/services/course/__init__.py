"""One patient's whole course: booked, held, resumed, made up for, changed, unbooked."""
