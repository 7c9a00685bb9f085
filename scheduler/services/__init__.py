"""Floor 2: verbs. The session comes first, `now` is an argument; a service flushes and never commits."""
