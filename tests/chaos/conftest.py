"""What needs a program that neither PyPI nor npm brings is drilled by `make chaos` alone, which sets CHAOS."""

import os

collect_ignore = [] if "CHAOS" in os.environ else ["drill_pooler.py"]
