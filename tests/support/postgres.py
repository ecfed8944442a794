"""A throw-away PostgreSQL cluster on a free port, for tests; a database of its own for whoever asks."""

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil
import psycopg
import pytest

from tests.support.mosquitto import free_port
from tests.support.waiting import until

__all__ = ["Postgres", "require_postgres"]

ROOM_BYTES = 2 << 30  # four clusters, each with its log of up to 64 MB and a few databases of 8 MB at a time
STRATEGIES_SINCE = 150000  # its version, as libpq counts
# Waits for the end of whoever started it, which closes its input; then ends the server that is still there.
GUARD = """
read -r _
[ -d "$0" ] || exit 0
[ ! -e "$0/data/postmaster.pid" ] || kill -QUIT "$(head -n 1 "$0/data/postmaster.pid")"
while [ -e "$0/data/postmaster.pid" ]; do sleep 0.1; done
rm -rf "$0"
"""


def require_postgres() -> Path:
    """The folder of PostgreSQL's programs; without it a test fails where servers are required, else is skipped."""
    if (initdb := shutil.which("initdb")) is not None:
        return Path(initdb).parent
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    message = "PostgreSQL is not installed: apt-get install postgresql, or run scripts/test, which does"
    if os.environ.get("CI") == "true" or os.environ.get("ROOST_REQUIRE_SERVERS"):
        pytest.fail(message)
    pytest.skip(message)


def _fastest_folder() -> str | None:
    """In memory where there is room: to make a test's database is ten times as fast there, which is 300 files."""
    memory = Path("/dev/shm")  # noqa: S108 - where Linux keeps files in memory; a folder of our own is made in it
    if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > ROOM_BYTES:
        return str(memory)
    return None  # the machine's own choice


class Postgres:
    """One cluster. It runs within its `with`; whoever stops it in there starts it again.

    It needs no durability, and lies in memory where it can, unless durability is what takes time. Server and folder go
    with this process, however it ends: a killed one ends no fixture.

    Args:
        durable: whether commits reach the disk.
    """

    def __init__(self, *, durable: bool = False) -> None:
        self._durability = {} if durable else {"fsync": "off", "full_page_writes": "off"}
        self._programs = require_postgres()
        # Not in pytest's folder: only its owner may look into that, and PostgreSQL refuses to run as root.
        self._folder = Path(tempfile.mkdtemp(prefix="roost-postgres-", dir=None if durable else _fastest_folder()))
        self._user: dict[str, Any] = {}
        if os.geteuid() == 0:
            owner = pwd.getpwnam("postgres")
            os.chown(self._folder, owner.pw_uid, owner.pw_gid)
            self._user = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
        # In a session of its own: an interrupt from the keyboard is for us to deal with.
        guard = ["sh", "-c", GUARD, str(self._folder)]
        self._guard = subprocess.Popen(guard, stdin=subprocess.PIPE, cwd="/", start_new_session=True)
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count()
        self._keeper: psycopg.Connection[Any] | None = None  # makes databases
        self.port = free_port()
        initdb = [str(self._programs / "initdb"), "-D", str(self._folder / "data"), "-U", "roost", "-A", "trust"]
        options = ["--no-sync", "-E", "UTF8", "--no-locale"]
        subprocess.run([*initdb, *options], check=True, capture_output=True, cwd="/", **self._user)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://roost@127.0.0.1:{self.port}/{database}"

    @property
    def pid(self) -> int:
        """The server's; those that serve connections are its children."""
        assert self._process is not None, "it does not run"
        return self._process.pid

    @property
    def log(self) -> str:
        return (self._folder / "log").read_text()

    def start(self) -> None:
        options = {
            **self._durability,
            "max_wal_size": "64MB",
            "min_wal_size": "32MB",
            "unix_socket_directories": "",
            "max_connections": "200",
            "autovacuum": "off",  # of databases that live for a second
        }
        settings = [f"--{name}={value}" for name, value in options.items()]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self._folder / "data", "-p", str(self.port), *settings],
                stdout=log,
                stderr=log,
                cwd="/",
                **self._user,
            )
        until(lambda: self._ended or self._answers(), "PostgreSQL answers", otherwise=lambda: self.log)
        assert not self._ended, f"PostgreSQL ended at once: {self.log}"

    @property
    def _ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url(), connect_timeout=1).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it; SIGINT cuts all connections, SIGQUIT is a crash."""
        if self._keeper is not None:
            self._keeper.close()
            self._keeper = None
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(30)
            self._process = None

    def processes(self) -> list[psutil.Process]:
        """Those of the server but its first, one a connection among them."""
        return [] if self._process is None else psutil.Process(self._process.pid).children()

    def remove(self) -> None:
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self._folder)
        self._guard.communicate()

    def new_database(self, template: str = "template1") -> str:
        """Make a database, as a copy of `template`; return its name."""
        name = f"test_{next(self._numbers)}"
        # To copy files takes half of what 15 takes by itself, which logs every page; those before it copy files, too.
        how = " STRATEGY file_copy" if self._connected.info.server_version >= STRATEGIES_SINCE else ""
        self._connected.execute(f"CREATE DATABASE {name} TEMPLATE {template}{how}".encode())
        return name

    def drop_database(self, name: str) -> None:
        self._connected.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())

    @property
    def _connected(self) -> psycopg.Connection[Any]:
        if self._keeper is None:
            self._keeper = psycopg.connect(self.url(), autocommit=True)
        return self._keeper
