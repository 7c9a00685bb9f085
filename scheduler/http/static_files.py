"""The browser's files: an address with a digest of the content is kept for a year, text is compressed, once.

A bundle is one file made of several, so that a page asks for fewer. Everything is read again when a file has changed.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import NotFound
from werkzeug.security import safe_join

BUNDLES = {  # what every page of staff needs
    "css/site.css": (
        "css/fonts.css",
        "vendor/bootstrap/bootstrap.min.css",
        "vendor/bootstrap-icons/bootstrap-icons.min.css",
        "css/tokens.css",
        "css/app.css",
        "css/lock.css",
    )
}
TEXT = (".css", ".js", ".svg")
IMPORT = re.compile(rb'(?<= from "\./)([\w.-]+)(?=")')  # of one script by another beside it
KEPT = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class StaticFile:
    """One file as it is sent."""

    stamps: tuple[tuple[int, int], ...]
    plain: bytes
    packed: bytes | None
    version: str


class Files:
    """The files below one folder, in memory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[str, StaticFile] = {}

    def get(self, name: str) -> StaticFile:
        """Return the file or bundle. Raises NotFound."""
        paths = [self._path(part) for part in BUNDLES.get(name, (name,))]
        states = [path.stat() for path in paths]
        stamps = tuple((state.st_mtime_ns, state.st_size) for state in states)
        known = self._read.get(name)
        if known is None or known.stamps != stamps:
            plain = b"\n".join(path.read_bytes() for path in paths)
            if name.endswith(".js"):
                folder = name.rpartition("/")[0]
                plain = IMPORT.sub(lambda found: self._versioned(folder, found[0]), plain)
            packed = gzip.compress(plain, 9, mtime=0) if name.endswith(TEXT) else None
            version = hashlib.sha256(plain).hexdigest()[:16]
            known = self._read[name] = StaticFile(stamps, plain, packed, version)
        return known

    def _path(self, name: str) -> Path:
        joined = safe_join(str(self._folder), name)
        if joined is None or not Path(joined).is_file():
            raise NotFound
        return Path(joined)

    def _versioned(self, folder: str, name: bytes) -> bytes:
        return name + b"?v=" + self.get(f"{folder}/{name.decode()}").version.encode()


def register(app: Flask) -> None:
    """Serve the app's static folder this way, and name versions in its addresses."""
    files = Files(Path(app.static_folder or ""))

    def serve(filename: str) -> Response:
        file = files.get(filename)
        packed = file.packed if request.accept_encodings["gzip"] else None
        kind = mimetypes.guess_type(filename)[0] or "application/octet-stream"
        response = Response(file.plain if packed is None else packed, mimetype=kind)
        response.set_etag(file.version if packed is None else f"{file.version}-gzip")
        if packed is not None:
            response.content_encoding = "gzip"
        if file.packed is not None:
            response.vary.add("Accept-Encoding")
        asked = request.args.get("v", "")
        # a font is asked for by style sheets, which name the version of its package
        is_named = asked == file.version or (asked and filename.endswith(".woff2"))
        response.headers["Cache-Control"] = KEPT if is_named else "no-cache"
        response.make_conditional(request)
        return response

    def name_version(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == "static" and "v" not in values:
            values["v"] = files.get(values["filename"]).version

    app.view_functions["static"] = serve
    app.url_defaults(name_version)
