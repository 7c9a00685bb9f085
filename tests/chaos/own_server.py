"""A PostgreSQL server of a drill's own, which may be killed and started again over the same folder."""

import os
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from tests.postgres_server import USER, _programs, _unprivileged, address

PATIENCE = 120
SETTINGS = {"listen_addresses": "", "fsync": "on", "shared_buffers": "32MB", "timezone": "UTC"}


class OwnServer:
    """Its data lies in `folder`; the socket too, so the folder's path must be short."""

    def __init__(self, folder, **settings):
        self.folder, self.settings = Path(folder), SETTINGS | settings
        self._process = None
        if os.geteuid() == 0:
            shutil.chown(self.folder, "nobody")
        self._as_user = {"cwd": self.folder, **_unprivileged()}
        self._bin = _programs(self.folder)
        made = ["-D", str(self.folder / "data"), "-U", USER, "--auth=trust", "-E", "UTF8", "--locale=C"]
        subprocess.run(
            [self._bin / "initdb", *made, "--wal-segsize=1", "--no-sync"],
            check=True, stdout=subprocess.DEVNULL, **self._as_user,
        )  # fmt: skip
        self.start()

    def address(self, database="postgres"):
        return address(self.folder, database)

    def start(self):
        """Start, and wait until a query is answered."""
        options = [f"--{name}={value}" for name, value in self.settings.items()]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._bin / "postgres", "-D", self.folder / "data", "-k", self.folder, *options],
                stdout=log, stderr=log, **self._as_user,
            )  # fmt: skip
        last = time.monotonic() + PATIENCE
        while not self.answers():
            if self._process.poll() is not None:  # what the killed one left behind is still going
                time.sleep(0.2)
                return self.start()
            assert time.monotonic() < last, "PostgreSQL does not come back"
            time.sleep(0.05)
        return None

    def answers(self):
        engine = create_engine(self.address(), connect_args={"connect_timeout": 2})
        try:
            with engine.connect() as connection:
                return connection.execute(text("SELECT 1")).scalar_one() == 1
        except OperationalError:
            return False
        finally:
            engine.dispose()

    def set(self, **settings):
        """Change settings of the running server."""
        engine = create_engine(self.address(), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for name, value in settings.items():
                connection.execute(text(f"ALTER SYSTEM SET {name} = '{value}'"))
            connection.execute(text("SELECT pg_reload_conf()"))
        engine.dispose()

    def create(self, database):
        """Make a database and return its address."""
        engine = create_engine(self.address(), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f'CREATE DATABASE "{database}"'))
        engine.dispose()
        return self.address(database)

    def kill(self):
        """End the server and all its processes at once, as a power cut of the machine would, but for the disk."""
        ends = [self._process.pid, *self._children()]
        os.kill(self._process.pid, signal.SIGSTOP)  # so that it starts no further ones meanwhile
        for process in {*ends, *self._children()}:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self._process.wait(PATIENCE)

    def stop(self):
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(PATIENCE)

    def is_running(self):
        return self._process.poll() is None

    def wait_until_down(self, seconds=PATIENCE):
        self._process.wait(seconds)

    def _children(self):
        return [
            int(found.name)
            for found in Path("/proc").iterdir()
            if found.name.isdigit() and _parent(found) == self._process.pid
        ]


def _parent(process):
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


@contextmanager
def own_server(folder, **settings):
    """Give a server, and take it away."""
    server = OwnServer(folder, **settings)
    try:
        yield server
    finally:
        server.stop()
