"""One visit: what it occupies, its steps, its moves, the gates before it, and what it leaves in the history."""
