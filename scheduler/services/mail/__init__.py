"""Mail and when it is due: planned, written, claimed, let through the sending check, recorded, answered."""
