"""What people must do: opening tasks, taking them, and what happens when no one does."""
