"""Sending by SMTP, one step at a time, so that it is always known how far an attempt came.

`Connection.offer` does everything that can be refused before the content (MAIL, RCPT); then the caller passes its
sending check; then `deliver` sends the content and waits for the answer to the final dot (RFC 5321, 4.5.3.2.6: ten
minutes). smtplib's `sendmail` would do both in one go. One recipient per envelope. Credentials and content never cross
the network in plain text: without TLS we speak only to this machine (config.py sees to it).
"""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from config import MailServer
from scheduler.notify.faults import DeliveryPhase, SendFault, Verdict, refusal

END = b"\r\n.\r\n"
STEP_WAIT = 60  # seconds that any answer but the last may take
TROUBLE = (OSError, smtplib.SMTPException, EOFError)


@dataclass(frozen=True, slots=True)
class Envelope:
    """The sender and the recipient of the SMTP dialog; the content has its own headers."""

    sender: str
    recipient: str


class Connection:
    """One open connection, good for one mail after another until something fails."""

    def __init__(self, server: MailServer, final_wait: int) -> None:
        self.final_wait = final_wait
        self.sent = 0
        self._begun = False
        self._smtp = _opened(server)

    def offer(self, envelope: Envelope) -> None:
        """Say sender and recipient. Raises SendFault; nothing has been delivered then."""
        smtp = self._smtp
        plain = envelope.recipient.isascii()
        if not plain and not smtp.has_extn("smtputf8"):
            reply = "the mail server does not take addresses with such characters"
            raise SendFault(DeliveryPhase.RECIPIENT, Verdict.BAD_ADDRESS, 553, reply)
        options = [] if plain else ["SMTPUTF8", "BODY=8BITMIME"]
        if self._begun:  # an offer that did not end in content
            self._expect(DeliveryPhase.SENDER, smtp.rset, (250,))
        self._begun = True
        self._expect(DeliveryPhase.SENDER, lambda: smtp.mail(envelope.sender, options), (250,))
        self._expect(DeliveryPhase.RECIPIENT, lambda: smtp.rcpt(envelope.recipient), (250, 251))

    def deliver(self, content: bytes) -> str:
        """Send the content and return the server's reply. Raises SendFault, `UNCLEAR` once the dot may be out."""
        self._expect(DeliveryPhase.DATA, lambda: self._smtp.docmd("DATA"), (354,))
        self._put(_stuffed(content).removesuffix(b"\r\n"), Verdict.RETRY)
        self._put(END, Verdict.UNCLEAR)  # without it no server can take the content for whole
        code, reply = self._final()
        self._begun = False
        if not 200 <= code <= 299:
            raise refusal(DeliveryPhase.CONTENT, code, reply)
        self.sent += 1
        return f"{code} {reply}"

    def close(self) -> None:
        with suppress(*TROUBLE):
            self._smtp.quit()
        self.drop()

    def drop(self) -> None:
        with suppress(*TROUBLE):
            self._smtp.close()

    def _final(self) -> tuple[int, str]:
        try:
            if self._smtp.sock is not None:
                self._smtp.sock.settimeout(self.final_wait)
            code, reply = self._smtp.getreply()
            if self._smtp.sock is not None:
                self._smtp.sock.settimeout(STEP_WAIT)
        except TROUBLE as trouble:
            raise SendFault(DeliveryPhase.CONTENT, Verdict.UNCLEAR, 0, _words(trouble)) from trouble
        if not (200 <= code <= 299 or 400 <= code <= 599):
            raise SendFault(DeliveryPhase.CONTENT, Verdict.UNCLEAR, code, _decoded(reply))
        return code, _decoded(reply)

    def _put(self, data: bytes, verdict: Verdict) -> None:
        try:
            if self._smtp.sock is None:
                raise smtplib.SMTPServerDisconnected("the connection is closed")
            self._smtp.sock.sendall(data)
        except TROUBLE as trouble:
            raise SendFault(DeliveryPhase.CONTENT, verdict, 0, _words(trouble)) from trouble

    def _expect(
        self, phase: DeliveryPhase, say: Callable[[], tuple[int, bytes]], wanted: tuple[int, ...]
    ) -> None:
        try:
            code, reply = say()
        except TROUBLE as trouble:
            ours = (
                phase is DeliveryPhase.SENDER
            )  # later it may be this recipient or content that breaks the server
            verdict = Verdict.CHANNEL if ours else Verdict.RETRY
            raise SendFault(phase, verdict, 0, _words(trouble)) from trouble
        if code not in wanted:
            raise refusal(phase, code, _decoded(reply))


def _opened(server: MailServer) -> smtplib.SMTP:
    context = None if server.security == "plain" else ssl.create_default_context()  # 20 ms of the processor
    phase = DeliveryPhase.CONNECT
    smtp: smtplib.SMTP | None = None
    try:
        if server.security == "tls":
            smtp = smtplib.SMTP_SSL(server.host, server.port, timeout=STEP_WAIT, context=context)
        else:
            smtp = smtplib.SMTP(server.host, server.port, timeout=STEP_WAIT)
        smtp.ehlo_or_helo_if_needed()
        if server.security == "starttls":
            phase = DeliveryPhase.TLS
            smtp.starttls(context=context)
            smtp.ehlo()
        if server.username is not None:
            phase = DeliveryPhase.LOGIN
            smtp.login(server.username, server.password or "")
        if smtp.sock is not None:  # the end goes in a small packet of its own, which must not wait
            smtp.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except TROUBLE as trouble:
        if smtp is not None:
            smtp.close()
        raise _opening_fault(phase, trouble) from trouble
    return smtp


def _opening_fault(phase: DeliveryPhase, trouble: BaseException) -> SendFault:
    if isinstance(trouble, smtplib.SMTPResponseException):
        return refusal(phase, trouble.smtp_code, _decoded(trouble.smtp_error))
    ours = isinstance(trouble, (ssl.SSLCertVerificationError, smtplib.SMTPNotSupportedError))
    if ours:
        return SendFault(DeliveryPhase.TLS, Verdict.PAUSE, 0, _words(trouble))
    return SendFault(phase, Verdict.CHANNEL, 0, _words(trouble))


def _stuffed(content: bytes) -> bytes:
    """Double the dots that begin a line (RFC 5321, 4.5.2). The content has CRLF line ends already."""
    start = b"." if content.startswith(b".") else b""
    return start + content.replace(b"\r\n.", b"\r\n..")


def _decoded(reply: bytes | str) -> str:
    return reply.decode("ascii", "replace") if isinstance(reply, bytes) else reply


def _words(trouble: BaseException) -> str:
    return str(trouble) or type(trouble).__name__
