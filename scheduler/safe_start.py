"""What must hold before patients' data is served: checked when the app is made, refused with what to do.

The settings themselves are config.py's to check. Here it is what they point to: a SQLite file that others on the
machine can read, or that lies on a network filesystem, whose locks SQLite cannot trust (sqlite.org/faq.html#q5); and a
production that serves the demo clinic.
"""

from __future__ import annotations

import stat
from pathlib import Path

from sqlalchemy import Engine, inspect, make_url, text

from config import ConfigError, Settings

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
    with engine.connect() as connection:
        if inspect(connection).has_table("user"):
            query = text('SELECT count(*) FROM "user" WHERE email LIKE :demo')
            if connection.scalar(query, {"demo": DEMO_ADDRESSES}):
                raise ConfigError(
                    "DATABASE_URL", "holds the demo clinic; give production a database of its own"
                )
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
