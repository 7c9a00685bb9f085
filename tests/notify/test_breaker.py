from datetime import timedelta

from scheduler.notify.breaker import LONGEST, Breaker
from tests.cast import NOW


def test_the_wait_doubles_with_every_failure_up_to_five_minutes():
    breaker, now, waits = Breaker(), NOW, []
    for _ in range(8):
        breaker.failed(now, "down", needs_a_person=False)
        waits.append(int((breaker.open_until - now).total_seconds()))
        now = breaker.open_until

    assert waits == [5, 10, 20, 40, 80, 160, 300, 300]


def test_it_is_shut_during_the_wait_and_probes_after_it():
    breaker = Breaker()
    breaker.failed(NOW, "down", needs_a_person=False)

    assert not breaker.allows(NOW + timedelta(seconds=4))
    assert breaker.allows(NOW + timedelta(seconds=5))
    assert breaker.probing


def test_the_connections_of_one_trouble_count_once():
    breaker = Breaker()
    for _ in range(4):
        breaker.failed(NOW, "down", needs_a_person=False)

    assert breaker.failures == 1


def test_what_a_person_must_mend_waits_the_longest():
    breaker = Breaker()
    breaker.failed(NOW, "wrong password", needs_a_person=True)

    assert breaker.open_until == NOW + LONGEST


def test_one_success_closes_it():
    breaker = Breaker()
    breaker.failed(NOW, "down", needs_a_person=False)
    breaker.succeeded()

    assert (breaker.allows(NOW), breaker.probing, breaker.reason) == (True, False, "")
