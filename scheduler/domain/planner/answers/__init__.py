"""What the planner answers: who does what, the cost in words, alternatives, reasons, suggestions, changes."""
