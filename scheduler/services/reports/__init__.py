"""Reports: figures counted from the calendar, each with its definition in docs/reports.md."""
