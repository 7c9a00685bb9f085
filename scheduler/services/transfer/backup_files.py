"""The file of a backup: lines, compressed, and sealed with a key if one is given.

    magic (16 bytes) | mode (1 byte: 0 plain, 1 sealed) | salt (16 bytes) | frames
    frame: length (4 bytes, big-endian) | up to 1 MiB of the zlib stream, or its AES-256-GCM sealing

Sealing follows the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár, CRYPTO 2015): the nonce of a frame is its
number with a last byte that is 1 on the final one, under a key that HKDF-SHA-256 derives from the given one and the
file's own salt. So frames cannot be changed, left out, exchanged, or cut off. A plain file is guarded by the checksums
of its lines only, against accidents and not against people.
"""

from __future__ import annotations

import secrets
import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from scheduler.services.transfer.backup_rows import BadBackup

MAGIC = b"Seriate backup 1"
PLAIN, SEALED = b"\x00", b"\x01"
SALT = 16
FRAME = 1 << 20
TAG = 16  # bytes that AES-GCM adds
SHORTEST_KEY = 32  # characters: 128 bits in hex


class Writer:
    """Writes the lines that are put into it. The file is whole once it has been closed."""

    def __init__(self, file: BinaryIO, key: str | None) -> None:
        """Begin the file. Raises ValueError when the key is too short."""
        salt = secrets.token_bytes(SALT)
        self._cipher = _cipher(key, salt) if key else None
        self._file, self._press, self._waiting, self._number = file, zlib.compressobj(6), b"", 0
        file.write(MAGIC + (SEALED if key else PLAIN) + salt)

    def put(self, line: str) -> None:
        self._write(self._press.compress(line.encode()))

    def close(self) -> None:
        self._write(self._press.flush())
        self._frame(self._waiting, last=True)

    def _write(self, part: bytes) -> None:
        self._waiting += part
        while len(self._waiting) > FRAME:  # something is always left to be the last frame
            frame, self._waiting = self._waiting[:FRAME], self._waiting[FRAME:]
            self._frame(frame, last=False)

    def _frame(self, content: bytes, last: bool) -> None:
        if self._cipher:
            content = self._cipher.encrypt(_nonce(self._number, last), content, None)
        self._file.write(len(content).to_bytes(4) + content)
        self._number += 1


def read(file: BinaryIO, key: str | None) -> Iterator[str]:
    """Yield the lines of the file, each as soon as its frame has proved genuine. Raises BadBackup."""
    head = file.read(len(MAGIC) + 1 + SALT)
    if not head.startswith(MAGIC) or len(head) < len(MAGIC) + 1 + SALT:
        raise BadBackup("the file is not a backup of Seriate")
    sealed, salt = head[len(MAGIC) : len(MAGIC) + 1] == SEALED, head[-SALT:]
    if sealed and not key:
        raise BadBackup("the backup is encrypted; give its key")
    if key and not sealed:
        raise BadBackup("the backup is not encrypted; a key was given, so it may have been exchanged")
    cipher = _cipher(key, salt) if key else None
    rest = b""
    for part in _inflated(_frames(file, cipher)):
        *whole, rest = (rest + part).split(b"\n")
        for line in whole:
            yield line.decode() + "\n"
    if rest:
        raise BadBackup("the file ends in the middle of a line")


def _inflated(frames: Iterable[bytes]) -> Iterator[bytes]:
    press = zlib.decompressobj()
    try:
        for frame in frames:
            yield press.decompress(frame)
        yield press.flush()
    except zlib.error as error:
        raise BadBackup(f"the file is damaged ({error})") from None
    if not press.eof or press.unused_data:
        raise BadBackup("the file is cut off")


def _frames(file: BinaryIO, cipher: AESGCM | None) -> Iterator[bytes]:
    number, frame = 0, _read_frame(file)
    while frame is not None:
        following = _read_frame(file)
        yield _opened(cipher, number, frame, last=following is None)
        number, frame = number + 1, following


def _read_frame(file: BinaryIO) -> bytes | None:
    length = file.read(4)
    if not length:
        return None
    size = int.from_bytes(length)
    if size > FRAME + TAG:
        raise BadBackup("the file is damaged: a frame is longer than any can be")
    content = file.read(size)
    if len(length) < 4 or len(content) < size:
        raise BadBackup("the file is cut off")
    return content


def _opened(cipher: AESGCM | None, number: int, frame: bytes, last: bool) -> bytes:
    if cipher is None:
        return frame
    try:
        return cipher.decrypt(_nonce(number, last), frame, None)
    except InvalidTag:
        raise BadBackup("the key is not the backup's, or the file was altered or cut off") from None


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11) + (b"\x01" if last else b"\x00")


def _cipher(key: str, salt: bytes) -> AESGCM:
    if len(key) < SHORTEST_KEY:
        raise ValueError(f"the key must have at least {SHORTEST_KEY} characters")
    derived = HKDF(SHA256(), 32, salt, b"seriate backup").derive(key.encode())
    return AESGCM(derived)
