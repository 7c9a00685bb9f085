"""One visit: what it occupies, its steps, its moves, the requirements before it, and what it leaves in the history."""
