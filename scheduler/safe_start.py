"""What must hold before patients' data is served: checked when the app is made, refused with what to do.

The settings themselves are config.py's to check. Here it is what they point to: a SQLite file that others on the
machine can read, or that lies on a network filesystem, whose locks SQLite cannot trust (sqlite.org/faq.html#q5); and a
production that serves the demo clinic.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from sqlalchemy import Engine, inspect, make_url, text
from sqlalchemy.exc import OperationalError

from config import ConfigError, Settings, require_access

MOUNTS = Path("/proc/self/mountinfo")
NETWORK = frozenset(
    {
        "9p",
        "afs",
        "ceph",
        "cifs",
        "fuse.sshfs",
        "glusterfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "smb3",
        "smbfs",
    }
)
DEMO_ADDRESSES = "%@demo.seriate.example"


def make_folder(settings: Settings) -> None:
    """Make the instance folder for its owner only. Raises ConfigError when this user cannot work in it."""
    folder = settings.instance_path
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError("INSTANCE_PATH", f"cannot be made: {folder} ({error.strerror})") from None
    require_access("INSTANCE_PATH", folder, os.R_OK | os.W_OK | os.X_OK)
    url = make_url(settings.database_url)
    if url.get_backend_name() != "sqlite" or not url.database:
        return
    path = Path(url.database)
    require_access("DATABASE_URL", path.parent, os.R_OK | os.W_OK | os.X_OK)
    for file in (path, *(path.with_name(f"{path.name}{end}") for end in ("-wal", "-shm", "-journal"))):
        require_access("DATABASE_URL", file, os.R_OK | os.W_OK)


def check(settings: Settings) -> None:
    """Raise ConfigError when the database's place is not safe; only in production."""
    url = make_url(settings.database_url)
    if settings.app_env != "production" or url.get_backend_name() != "sqlite" or not url.database:
        return
    path = Path(url.database)
    if path.exists() and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError("DATABASE_URL", f"names a file that others can read; run: chmod 600 {path}")
    kind = filesystem_of(path.parent)
    if kind in NETWORK:
        raise ConfigError(
            "DATABASE_URL", f"names a file on a network filesystem ({kind}); use PostgreSQL there"
        )


def refuse_demo_data(settings: Settings, engine: Engine) -> None:
    """Raise ConfigError when a production would serve the demo clinic."""
    if settings.app_env != "production":
        return
    if engine.dialect.name == "sqlite" and not Path(engine.url.database or "").exists():
        return  # looking would make the file
    try:
        with engine.connect() as connection:
            demo = inspect(connection).has_table("user") and connection.scalar(
                text('SELECT count(*) FROM "user" WHERE email LIKE :demo'), {"demo": DEMO_ADDRESSES}
            )
    except OperationalError:
        return  # it does not answer: a process that needs it refuses to start, and says why (schema.py)
    if demo:
        raise ConfigError("DATABASE_URL", "holds the demo clinic; give production a database of its own")
    engine.dispose()  # the server's processes are forked later, and a connection must not be shared


def filesystem_of(folder: Path, mounts: Path = MOUNTS) -> str:
    """Return the kind of filesystem that a folder lies on, or nothing where the system does not tell."""
    if not mounts.exists():
        return ""
    best, kind = "", ""
    wanted = str(folder.resolve())
    for line in mounts.read_text().splitlines():
        before, _, after = line.partition(" - ")
        point = before.split()[4].replace("\\040", " ")
        inside = wanted == point or wanted.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, after.split()[0]
    return kind
