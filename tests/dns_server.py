"""A small DNS server for tests, over UDP: it has the records that it is given, and no other name."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from dns import flags, message, rcode, rdataclass, rdatatype, rrset
from dns.name import from_text

Records = dict[tuple[str, str], list[str]]  # (name, type) -> the data of each record, as in a zone file
SERVFAIL = "SERVFAIL"  # as data: the server cannot say


def txt(text: str) -> str:
    """Return a text in the quoted pieces of at most 255 bytes in which it is published."""
    return " ".join(f'"{text[start : start + 255]}"' for start in range(0, len(text), 255))


@contextmanager
def dns_server(records: Records) -> Iterator[str]:
    """Serve until the block ends; give HOST:PORT. The records may be changed meanwhile."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    server.settimeout(0.05)
    ending = threading.Event()

    def serve() -> None:
        while not ending.is_set():
            try:
                asked, sender = server.recvfrom(4096)
            except TimeoutError:
                continue
            server.sendto(_answer(message.from_wire(asked), records).to_wire(), sender)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.getsockname()[1]}"
    finally:
        ending.set()
        thread.join(5)
        server.close()


def _answer(asked: message.Message, records: Records) -> message.Message:
    said = message.make_response(asked)
    said.flags |= flags.AA | flags.RA
    question = asked.question[0]
    name, kind = question.name.to_text(omit_final_dot=True).lower(), rdatatype.to_text(question.rdtype)
    found = records.get((name, kind), [])
    if SERVFAIL in found:
        said.set_rcode(rcode.SERVFAIL)
    elif found:
        said.answer.append(rrset.from_text(from_text(name), 60, rdataclass.IN, question.rdtype, *found))
    elif not any(known == name for known, _ in records):
        said.set_rcode(rcode.NXDOMAIN)
    return said
