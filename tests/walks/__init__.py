"""Random walks through a clinic's days, each step judged by rules that are written down here again.

A walk (`walk.py`) goes through the services (`services.py`), over the API (`api.py`) or over the pages (`pages.py`), by
staff of every role, in a clinic with short protocols (`clinic.py`). `oracle.py` says after each step what no step may
bring about unless a role that may has overridden it with a recorded reason. `holes.py` takes out one rule of the
product at a time, which the walks must notice. `make chaos DRILL=walks` takes many: N= how many, FIRST= from which.
"""
