"""The audit trail: written, sealed in a chain, read in words."""
