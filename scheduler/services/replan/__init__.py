"""A broken day put right for all its patients at once: planned by the worker, previewed, accepted, undone."""
