"""Many courses at once: what a closed day, an absent person or a broken chair does to them, put right together."""
