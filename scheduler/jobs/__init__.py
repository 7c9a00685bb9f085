"""Door: the clock, a process of its own whose ticks look for due rows."""
