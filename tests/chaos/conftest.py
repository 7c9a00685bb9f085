"""Drills that need a program which neither PyPI nor npm brings, or wait for minutes: `make chaos` runs them, which sets
CHAOS. What they drill has quick tests of its own in tests/http and tests/web/test_health.py.
"""

import os

LONG = ["drill_clock_jobs.py", "drill_pooler.py", "drill_proxies.py", "drill_slow_requests.py"]
collect_ignore = [] if "CHAOS" in os.environ else LONG
