"""A real SMTP server for tests, in a thread: it logs every mail before it answers, and misbehaves on request.

`plan` says, by the recipient's local part, what goes wrong and where: {"busy": ("rcpt", b"451 4.7.1 later")}. The steps
are connect, ehlo, mail, rcpt, data, content; an answer of HANG_UP closes the connection instead, SILENCE says nothing.
"""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

HANG_UP = b"(hang up)"
SILENCE = b"(silence)"


@dataclass
class Received:
    """A mail whose final dot has come, whatever was answered to it."""

    sender: str
    recipient: str
    content: bytes
    at: float


@dataclass
class Script:
    """What the server does; `delay` is in seconds before each answer.

    With `turns` it answers only as often as a test lets it, so that no machine's speed decides who comes first.
    """

    plan: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    greeting: bytes = b"220 test ESMTP"
    delay: float = 0.0
    received: list[Received] = field(default_factory=list)
    accepted: list[Received] = field(default_factory=list)
    steps: int = 0  # how often it has been about to answer
    connections: int = 0
    silences: int = 0  # how many have been left without an answer
    turns: threading.Semaphore | None = None

    def let_go(self) -> None:
        """Answer freely from now on."""
        turns, self.turns = self.turns, None
        if turns is not None:
            turns.release(max(self.connections, 1))


@contextmanager
def smtp_server(script: Script, port: int = 0) -> Iterator[int]:
    """Serve until the block ends; give the port."""
    listener = socket.create_server(("127.0.0.1", port))
    open_sockets: list[socket.socket] = []
    ending = threading.Event()

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            open_sockets.append(connection)
            threading.Thread(target=_talk, args=(connection, script, ending), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        ending.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)
        for connection in open_sockets:
            connection.close()


def _talk(connection: socket.socket, script: Script, ending: threading.Event) -> None:
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _conversation(connection, script, ending)
    except OSError:
        pass
    finally:
        connection.close()


def _conversation(connection: socket.socket, script: Script, ending: threading.Event) -> None:
    with connection.makefile("rb") as lines:
        _answer_all(connection, lines, script, ending)


def _answer_all(connection, lines, script: Script, ending: threading.Event) -> None:
    sender = recipient = ""

    script.connections += 1

    def answer(step: str, usual: bytes) -> bool:
        """Return False when the conversation is over."""
        if turns := script.turns:
            turns.acquire()
        local = recipient.partition("@")[0]
        wanted, reply = script.plan.get(local, ("", b""))
        reply = reply if wanted == step else usual
        script.steps += 1
        if script.delay:
            time.sleep(script.delay)
        if reply == HANG_UP:
            return False
        if reply == SILENCE:
            script.silences += 1
            ending.wait()
            return False
        connection.sendall(reply + b"\r\n")
        return True

    if not answer("connect", script.greeting):
        return
    for line in lines:
        verb = line[:4].upper()
        if verb in (b"EHLO", b"HELO"):
            going = answer("ehlo", b"250-test\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES")
        elif verb == b"MAIL":
            sender, recipient = _path(line), ""
            going = answer("mail", b"250 2.1.0 ok")
        elif verb == b"RCPT":
            recipient = _path(line)
            going = answer("rcpt", b"250 2.1.5 ok")
        elif verb == b"DATA":
            going = _data(lines, script, sender, recipient, answer)
        elif verb == b"QUIT":
            answer("quit", b"221 2.0.0 bye")
            return
        else:
            going = answer("other", b"250 2.0.0 ok")
        if not going:
            return


def _data(lines, script, sender, recipient, answer) -> bool:
    local = recipient.partition("@")[0]
    step, reply = script.plan.get(local, ("", b""))
    if not answer("data", b"354 go ahead"):
        return False
    if step == "data":
        return True
    content = bytearray()
    for line in lines:
        if line == b".\r\n":
            break
        content += line[1:] if line.startswith(b"..") else line
        if step == "body" and reply == HANG_UP:
            return False
    else:
        return False
    received = Received(sender, recipient, bytes(content), time.monotonic())
    script.received.append(received)
    if step != "content" or reply.startswith(b"250"):
        script.accepted.append(received)
    return answer("content", b"250 2.0.0 queued")


def _path(line: bytes) -> str:
    return line.partition(b"<")[2].partition(b">")[0].decode()
