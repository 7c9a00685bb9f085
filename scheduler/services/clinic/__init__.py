"""What a clinic is: its name and settings, places and people, hours and holidays, the protocols it treats by."""
