"""The planner: whole courses placed on a live calendar, with reasons when they do not fit."""
