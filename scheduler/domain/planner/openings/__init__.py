"""Who could use a time that got free: a quick test of all who wait, so that only the few that are left are planned."""
