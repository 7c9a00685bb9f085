import socket

import pytest

from tools import processes
from tools.places import Refused


def test_a_taken_port_is_refused_with_a_way_out():
    with socket.socket() as taken:
        taken.bind((processes.LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(Refused) as refusal:
            processes.require_free(port)

    assert str(refusal.value) == (
        f"port {port} is in use: stop what uses it, or take another: PORT={port + 1} make run"
    )


def test_a_free_port_can_be_served():
    processes.require_free(processes.free_port())


def test_the_web_command_names_its_workers_and_its_port():
    assert processes.commands(8000, workers=2)["web"][-4:] == ["--workers", "2", "--port", "8000"]
