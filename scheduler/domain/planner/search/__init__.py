"""One course on the grid: its tree, the slot map, and the exact search for its cheapest placement."""
