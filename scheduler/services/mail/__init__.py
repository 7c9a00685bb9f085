"""Mail and when it is due: planned, written, claimed, let through the gate, recorded, answered."""
