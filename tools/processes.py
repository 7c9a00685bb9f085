"""The processes of a running Seriate, and the free ports that they need."""

import errno
import socket
import sys

from tools.places import Refused

LOOPBACK = "127.0.0.1"
WEB = "-m flask --app wsgi:app web"


def commands(port: int, workers: int) -> dict[str, list[str]]:
    """Return the command of each process of a demo or a test; mail is caught on this machine."""
    web = [*WEB.split(), "--workers", str(workers), "--port", str(port)]
    return {
        "mail": [sys.executable, "-m", "tools.mail"],
        "clock": [sys.executable, "-m", "flask", "clock"],
        "web": [sys.executable, *web],
    }


def worker() -> list[str]:
    """Return the command of the worker, which a test starts only where it needs one."""
    return [sys.executable, "-m", "flask", "worker"]


def free_port() -> int:
    """Return a port that nothing uses now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def require_free(port: int) -> None:
    """Raises Refused, with what to do, when the port cannot be served."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server will
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                why = f"port {port} is in use"
            else:
                why = f"port {port} cannot be served ({error.strerror})"
            raise Refused(f"{why}: stop what uses it, or take another: PORT={port + 1} make run") from None
