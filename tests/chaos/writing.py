"""A writing transaction as an interface makes it: run again when another writer was in the way."""

import random
import time

from sqlalchemy.exc import OperationalError

from scheduler.transactions import PAUSES, is_contention


def as_an_interface(write, note_again=int):
    """Return what `write` returns, calling `note_again` before each new try. Raises what is no passing contention."""
    for pause in (*PAUSES, None):
        try:
            return write()
        except OperationalError as error:
            if pause is None or not is_contention(error):
                raise
        note_again()
        time.sleep(pause * random.uniform(0.5, 1.5))
    raise AssertionError("the last try returns or raises")
