"""The waitlist: who waits for an earlier time, what time got free, who could take it, and the offers."""
