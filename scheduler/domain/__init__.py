"""The lowest layer: plain Python about time, plans and visits.

Nothing here knows Flask, SQLAlchemy, a clock, a file or the environment: what it needs comes in as arguments, and
equal arguments give equal answers.
"""
