"""The channel that prints: for looking at mails without a mail server. It takes everything."""

from __future__ import annotations

import sys
from typing import TextIO

from scheduler.notify.smtp import Envelope


class ConsoleConnection:
    """Writes each mail to a stream."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stdout
        self.offered: Envelope | None = None

    def offer(self, envelope: Envelope) -> None:
        self.offered = envelope

    def deliver(self, content: bytes) -> str:
        to = self.offered.recipient if self.offered else ""
        self.stream.write(f"--- to {to}\n{content.decode('utf-8', 'replace')}\n")
        self.stream.flush()
        return "250 printed"

    def close(self) -> None:
        self.stream.flush()

    def drop(self) -> None:
        self.stream.flush()
