"""Private calendar feeds: who has which, and what they show."""
