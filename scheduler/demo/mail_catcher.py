"""The demo's mail server: takes every mail and keeps it in a folder, where the mailbox pages find it.

Real SMTP, so the sending side is the same as in production; nothing leaves this machine. Two files a mail: the bytes
as they came, and what the envelope said. Each is written aside and then renamed, so a reader never sees half a file.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiosmtpd.smtp import SMTP, Envelope, Session

MOST_KEPT = 5000
LARGEST = 10_000_000
ID = re.compile(r"[0-9]{16}-[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class Caught:
    """A mail in the folder; `id` sorts by the time it came."""

    id: str
    sender: str
    recipients: tuple[str, ...]
    received_at: datetime
    file: Path

    def content(self) -> bytes:
        return self.file.read_bytes()


def folder_of(instance: Path) -> Path:
    return instance / "mailbox"


def caught(folder: Path) -> Iterator[Caught]:
    """Yield the mails, newest first."""
    for envelope in sorted(folder.glob("*.json"), reverse=True):
        if found := find(folder, envelope.stem):
            yield found


def find(folder: Path, mail_id: str) -> Caught | None:
    """Return one mail, None for any other id."""
    envelope, file = folder / f"{mail_id}.json", folder / f"{mail_id}.eml"
    if not ID.fullmatch(mail_id) or not envelope.is_file() or not file.is_file():
        return None
    said = json.loads(envelope.read_text(encoding="utf-8"))
    received_at = datetime.fromisoformat(said["received_at"])
    return Caught(mail_id, said["from"], tuple(said["to"]), received_at, file)


class Keeper:
    """What aiosmtpd hands each mail to."""

    def __init__(self, folder: Path, clock: Callable[[], datetime]) -> None:
        self.folder, self.clock = folder, clock
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        del server, session
        content = envelope.content or b""
        if isinstance(content, str):
            content = content.encode("utf-8", "surrogateescape")
        self.keep(envelope.mail_from or "", envelope.rcpt_tos, content)
        return "250 2.0.0 kept"

    def keep(self, sender: str, recipients: list[str], content: bytes) -> str:
        """Store a mail and return its id."""
        now = self.clock()
        mail_id = f"{int(now.timestamp() * 1_000_000):016d}-{secrets.token_hex(4)}"
        said = {"from": sender, "to": recipients, "received_at": now.isoformat()}
        self._write(f"{mail_id}.eml", content)
        self._write(f"{mail_id}.json", json.dumps(said).encode())
        self._forget_the_oldest()
        return mail_id

    def _write(self, name: str, content: bytes) -> None:
        aside = self.folder / f"{name}.part"
        aside.write_bytes(content)
        aside.replace(self.folder / name)

    def _forget_the_oldest(self) -> None:
        for old in sorted(self.folder.glob("*.json"), reverse=True)[MOST_KEPT:]:
            old.unlink(missing_ok=True)
            old.with_suffix(".eml").unlink(missing_ok=True)


async def serve(
    folder: Path, host: str, port: int, clock: Callable[[], datetime], stopping: asyncio.Event
) -> None:
    """Take mail until `stopping` is set."""
    from aiosmtpd.smtp import SMTP  # noqa: PLC0415  (a mail server, which no other process needs)

    keeper = Keeper(folder, clock)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(keeper, data_size_limit=LARGEST, enable_SMTPUTF8=True, ident="Seriate's demo mailbox"),
        host,
        port,
    )
    async with server:
        await stopping.wait()


async def catch(folder: Path, host: str, port: int, clock: Callable[[], datetime]) -> None:
    """Take mail until SIGTERM or SIGINT."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    await serve(folder, host, port, clock, stopping)


def since(mails: Iterator[Caught], to: str | None, after: datetime | None) -> Iterator[Caught]:
    """Yield those to an address and later than an instant; both are optional."""
    for mail in mails:
        if after is not None and mail.received_at <= after - timedelta(microseconds=1):
            return
        if to is None or to.lower() in (recipient.lower() for recipient in mail.recipients):
            yield mail
