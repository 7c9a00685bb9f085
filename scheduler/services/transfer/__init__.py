"""Whole files in and out: imports, exports, backups."""
