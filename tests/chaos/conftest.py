"""The drills print a page when they end."""

from tests.chaos import report


def pytest_sessionfinish():
    report.write_page()
