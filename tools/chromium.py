"""A Chromium for the browser tests: $CHROMIUM, one on the PATH, one from npm, or Debian's package.

The npm package @sparticuz/chromium carries its libraries, so it runs without root and a desktop. It is
unpacked into build/chromium with a start script that points at those libraries.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from tools import assets, node
from tools.places import BUILD, TOOLS, Refused, answer

if TYPE_CHECKING:
    from playwright.sync_api import Playwright

ON_PATH = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PACKAGE = TOOLS / "browser"
UNPACKED = BUILD / "chromium"
START = UNPACKED / "start"
START_SCRIPT = """#!/bin/sh
here=$(dirname "$0")
LD_LIBRARY_PATH="$here/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
FONTCONFIG_FILE="${FONTCONFIG_FILE:-$here/fonts.conf}"
export LD_LIBRARY_PATH FONTCONFIG_FILE
exec "$here/chromium" "$@"
"""
# the system's fonts where there are any, and the package's own beside this file
FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <dir prefix="relative">fonts</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
</fontconfig>
"""


def find() -> Path | None:
    """Return a Chromium that starts, or None. Raises Refused when $CHROMIUM names one that does not."""
    named = os.environ.get("CHROMIUM")
    if named:
        if not _starts(named):
            raise Refused(f"CHROMIUM is {named}, which does not start.")
        return Path(named)
    found = (shutil.which(name) for name in ON_PATH)
    candidates = [path for path in found if path] + ([str(START)] if START.exists() else [])
    return next((Path(path) for path in candidates if _starts(path)), None)


@contextmanager
def playwright() -> Iterator[Playwright]:
    """Give Playwright, its driver on a Node that starts here."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  only the development lock has it, and find() must not need it

    os.environ.setdefault("PLAYWRIGHT_NODEJS_PATH", str(node.for_playwright()))
    with sync_playwright() as started:
        yield started


def fetch() -> Path:
    """Return a Chromium, fetching one when the machine has none, and what drives it."""
    node.for_playwright()
    if START.exists():
        _write_start()  # an earlier version's may know less
    present = find()
    if present:
        return present
    print("Fetching Chromium for the browser tests ...", flush=True)
    try:
        _unpack()
        if _starts(str(START)):
            return START
        print("Chromium from npm does not start here.", flush=True)
    except Refused as refusal:
        print(refusal, flush=True)
    return _debian()


def _unpack() -> None:
    import brotli  # noqa: PLC0415  only the development lock has it, and find() must not need it

    assets.npm_ci(PACKAGE)
    packed = PACKAGE / "node_modules" / "@sparticuz" / "chromium" / "bin"
    shutil.rmtree(UNPACKED, ignore_errors=True)
    UNPACKED.mkdir(parents=True)
    for archive in ("al2023", "fonts", "swiftshader"):
        content = brotli.decompress((packed / f"{archive}.tar.br").read_bytes())
        with tarfile.open(fileobj=BytesIO(content)) as tar:
            # Python before 3.11.4 has no filters; npm has checked the package against the lock's hash
            tar.extraction_filter = getattr(tarfile, "data_filter", None)
            tar.extractall(UNPACKED)  # noqa: S202
    (UNPACKED / "fonts.conf").write_text(FONTS, encoding="utf-8")
    (UNPACKED / "chromium").write_bytes(brotli.decompress((packed / "chromium.br").read_bytes()))
    (UNPACKED / "chromium").chmod(0o755)
    _write_start()


def _write_start() -> None:
    START.write_text(START_SCRIPT, encoding="utf-8")
    START.chmod(0o755)


def _debian() -> Path:
    apt = shutil.which("apt-get")
    if apt and os.geteuid() == 0:
        for step in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", "chromium"]):
            subprocess.run([apt, *step], check=False, stdout=subprocess.DEVNULL)
        present = find()
        if present:
            return present
    raise Refused("no Chromium to test with: install one (Debian: apt install chromium) or set CHROMIUM.")


def _starts(path: str) -> bool:
    """Ubuntu's chromium-browser is a script that only asks for a snap: existing is not enough."""
    try:
        asked = subprocess.run([path, "--version"], check=False, capture_output=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0


def main() -> int:
    print(f"Browser tests use {fetch()}.")
    return 0


if __name__ == "__main__":
    answer(main)
