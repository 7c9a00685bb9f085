"""People: their record, their private page with what they ask and answer there, and their right to be forgotten."""
