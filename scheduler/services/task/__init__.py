"""What people must do: opening tasks, taking them, and what happens when they are not taken."""
