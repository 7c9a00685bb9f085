"""Random walks through a clinic's day, each step judged by rules that are written down here again.

The same walk goes through the services, the API or the pages (see `walk.py`); `oracle.py` says after each step what
no step may bring about unless a role that may has overridden it with a reason.
"""
