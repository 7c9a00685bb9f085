"""What people are told: who does what, the cost in words, other plans, reasons, suggestions, changes."""
