"""From the database to the planner and back: the live calendar, wishes, proposals, what stands in the way."""
