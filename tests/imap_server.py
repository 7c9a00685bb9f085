"""A small IMAP server for tests, in threads (RFC 3501): one account with one INBOX, as a reader of bounces needs it.

It speaks the wire: tagged answers, untagged data, literals, UIDs, flags that outlast a connection.
`strikes` says at which command it hangs up, and how often: {"FETCH": 1}. Commands are logged without arguments.
"""

import re
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

USER, PASSWORD = "bounces", "open sesame"
ATOMS = re.compile(rb'"((?:[^"\\]|\\.)*)"|(\([^)]*\)|\S+)')
PEEK = re.compile(rb"\(BODY\.PEEK\[\]<0\.\d+>\)")


@dataclass
class Stored:
    """A mail in the mailbox, with its flags."""

    content: bytes
    flags: set[str] = field(default_factory=set)
    uid: int = 0
    old: bool = False  # came before the days that a SINCE asks for
    refused: str = ""  # what the server says instead of giving it


@dataclass
class Mailbox:
    """What the server holds and what it has been asked."""

    mails: list[Stored] = field(default_factory=list)
    strikes: Counter[str] = field(default_factory=Counter)
    commands: list[str] = field(default_factory=list)
    uid_validity: int = 1

    def put(self, content: bytes) -> Stored:
        """Let a mail arrive; line ends become CRLF, as on the wire."""
        mail = Stored(content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
        mail.uid = max((one.uid for one in self.mails), default=0) + 1
        self.mails.append(mail)
        return mail

    def unread(self) -> int:
        return sum(r"\Seen" not in mail.flags for mail in self.mails)


@contextmanager
def imap_server(mailbox: Mailbox) -> Iterator[int]:
    """Serve until the block ends; give the port."""
    listener = socket.create_server(("127.0.0.1", 0))
    open_sockets: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            open_sockets.append(connection)
            threading.Thread(target=_talk, args=(connection, mailbox), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)
        for connection in open_sockets:
            connection.close()


def _talk(connection: socket.socket, mailbox: Mailbox) -> None:
    with suppress(OSError), connection, connection.makefile("rb") as lines:
        connection.sendall(b"* OK [CAPABILITY IMAP4rev1] test\r\n")
        _Conversation(connection, lines, mailbox).go_on()


class _Conversation:
    """One client's connection: not signed in, signed in, a mailbox selected."""

    def __init__(self, connection, lines, mailbox):
        self.connection, self.lines, self.mailbox = connection, lines, mailbox
        self.signed_in = self.selected = False

    def go_on(self):
        for line in self.lines:
            tag, _, rest = line.rstrip(b"\r\n").partition(b" ")
            name, _, arguments = rest.partition(b" ")
            if name.upper() == b"UID":
                name, _, arguments = arguments.partition(b" ")
            verb = name.decode("ascii").upper()
            self.mailbox.commands.append(verb)
            if self.mailbox.strikes[verb]:
                self.mailbox.strikes[verb] -= 1
                return
            atoms = [quoted or plain for quoted, plain in ATOMS.findall(arguments)]
            answer = getattr(self, f"_{verb.lower()}", None)
            said = answer(*atoms) if answer else "BAD unknown command"
            self._say(tag + b" " + said.encode())
            if verb == "LOGOUT":
                return

    def _say(self, line):
        self.connection.sendall(line + b"\r\n")

    def _capability(self):
        self._say(b"* CAPABILITY IMAP4rev1")
        return "OK done"

    def _noop(self):
        return "OK done"

    def _login(self, user, password):
        self.signed_in = (user.decode(), password.decode()) == (USER, PASSWORD)
        return "OK signed in" if self.signed_in else "NO [AUTHENTICATIONFAILED] wrong"

    def _examine(self, name):
        self.selected = self.signed_in and name.upper() == b"INBOX"
        if not self.selected:
            return "NO no such mailbox"
        self._say(rb"* FLAGS (\Seen \Deleted)")
        self._say(b"* %d EXISTS" % len(self.mailbox.mails))
        self._say(b"* 0 RECENT")
        self._say(b"* OK [UIDVALIDITY %d] ok" % self.mailbox.uid_validity)
        return "OK [READ-ONLY] selected"

    def _search(self, *criteria):
        if not self.selected:
            return "BAD search in a selected mailbox"
        mails = self.mailbox.mails
        if criteria == (b"UID", b"*"):
            found = [mail.uid for mail in mails[-1:]]
        elif criteria[0] == b"UID":
            first = int(criteria[1].partition(b":")[0])
            last = max((mail.uid for mail in mails), default=0)
            found = [
                mail.uid for mail in mails if mail.uid >= min(first, last)
            ]  # n:* always holds the last one
        else:
            found = [mail.uid for mail in mails if criteria[0] == b"ALL" or not mail.old]
        self._say(" ".join(["* SEARCH", *map(str, found)]).encode())
        return "OK done"

    def _fetch(self, uid, what):
        if not PEEK.fullmatch(what):
            return "BAD fetch one mail's BODY.PEEK[]"
        for number, mail in enumerate(self.mailbox.mails if self.selected else (), start=1):
            if mail.uid == int(uid) and mail.refused:
                return mail.refused
            if mail.uid == int(uid):
                size = len(mail.content)
                head = b"* %d FETCH (UID %d BODY[]<0> {%d}\r\n" % (number, mail.uid, size)
                self._say(head + mail.content + b")")
        return "OK done"

    def _logout(self):
        self._say(b"* BYE until then")
        return "OK bye"
