"""Places for catalogues of a test's own, over SQLite or PostgreSQL, and a way past Custos into them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from pysqlite3 import dbapi2 as sqlite

from storage.catalogue.engine import Where, migrate, open_engine
from storage.catalogue.journalled import uninstall

if TYPE_CHECKING:
    from tests.postgres import Server


class Catalogues:
    """So many places as a test asks for."""

    def __init__(
        self, directory: Path, server: Server | None, stack: ExitStack, buckets: str | None = None
    ) -> None:
        self._directory = directory
        self._server = server
        #: The fixture of the server on which a store beside one of them has its bucket; None: a directory.
        self.buckets = buckets
        self._stack = stack
        self._count = 0

    @property
    def is_postgres(self) -> bool:
        """Whether it is not SQLite."""
        return self._server is not None

    def another(self) -> Where:
        """A place where nothing has happened yet."""
        if self._server is not None:
            return self._stack.enter_context(self._server.catalogue())
        place = self._file()
        place.write_bytes(_migrated())
        return place

    @contextmanager
    def briefly(self) -> Iterator[Where]:
        """The same, for as long as this lasts."""
        if self._server is not None:
            with self._server.catalogue() as url:
                yield url
            return
        place = self.another()
        assert isinstance(place, Path)
        yield place
        for path in place.parent.glob(place.name + "*"):
            path.unlink()

    def copy(self, where: Where) -> Where:
        """The same at another place, as a backup is put back; nobody may have it open."""
        if isinstance(where, str):
            assert self._server is not None
            return self._server.copy(where)
        place = self._file()
        for path in where.parent.glob(where.name + "*"):
            shutil.copy(path, place.with_name(place.name + path.name.removeprefix(where.name)))
        return place

    def _file(self) -> Path:
        self._directory.mkdir(exist_ok=True)
        self._count += 1
        return self._directory / f"{self._count}.db"


@cache
def _migrated() -> bytes:
    """An SQLite file in which nothing has happened yet: making one takes longer than most tests."""
    with TemporaryDirectory() as directory:
        place = Path(directory) / "migrated.db"
        engine = open_engine(place, readers=False)
        migrate(engine)
        engine.dispose()
        return place.read_bytes()


def over(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Catalogues]:
    """Places for catalogues over the engine that is the fixture's parameter; `ceph` is a PostgreSQL too."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            yield Catalogues(tmp_path / "catalogues", None, stack)
        else:
            buckets = "ceph" if request.param == "ceph" else "seaweed"
            server = request.getfixturevalue("postgres")
            yield Catalogues(tmp_path / "catalogues", server, stack, buckets)


#: As `catalogues` of a file whose tests hang little on the engine: the second is left to `make test-long`.
SQLITE_FIRST = pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.long)])(over)

#: The two for files whose stores lie beside their catalogues: among the long tests once in a bucket on Ceph.
CEPH_TOO = pytest.fixture(params=["sqlite", "postgresql", pytest.param("ceph", marks=pytest.mark.long)])(over)
SQLITE_FIRST_CEPH_TOO = pytest.fixture(
    params=["sqlite", *(pytest.param(one, marks=pytest.mark.long) for one in ("postgresql", "ceph"))]
)(over)

#: For those tests of such a file that hang on their store all the same.
OVER_BOTH = pytest.mark.parametrize(
    "catalogues", ["sqlite", "postgresql", pytest.param("ceph", marks=pytest.mark.long)], indirect=True
)


#: What a catalogue is back to as if the newest migrations, 0020 to 0026, were not known when it was made.
OLDER = (
    "ALTER TABLE jobs DROP COLUMN faults",
    "DROP TABLE search_stretches",
    *(
        statement
        for name in ("unit", "agent_id", "officer", "badge", "device", "kind", "category", "state")
        for statement in (
            f"DROP INDEX ix_search_rows_{name}",
            f"CREATE INDEX ix_search_rows_{name} ON search_rows ({name})",
        )
    ),
    "DROP TABLE replica_copies",
    "ALTER TABLE uploads DROP COLUMN staging",
    "ALTER TABLE jobs DROP COLUMN staging",
    "DROP TABLE journal_changes",
    "DROP TABLE journal_marks",
    "DROP TABLE log_self_asserted",
    "DROP TABLE revocation_wanted",
    "DROP TABLE revocation_lists",
    "ALTER TABLE log_stamps DROP COLUMN policy",
    "UPDATE alembic_version SET version_num = '0019'",
)


def make_older(where: Where) -> None:
    """Take the catalogue back by the newest migrations, as whoever administers the database could."""
    engine = open_engine(where if isinstance(where, Path) else _as_administrator(where), readers=False)
    with engine.connect() as connection:
        uninstall(connection)
    engine.dispose()
    ask(where, *OLDER)


def _as_administrator(url: str) -> str:
    from tests.postgres import as_user

    return as_user("postgres", url)


def ask(where: Where, *statements: str) -> list[Sequence[object]]:
    """What the last statement gives; as whoever administers the database asks, past Custos."""
    found: list[Sequence[object]] = []
    if isinstance(where, Path):
        connection = sqlite.connect(where)
        try:
            with connection:
                for statement in statements:
                    found = connection.execute(statement).fetchall()
        finally:
            connection.close()
        return found
    import psycopg

    with psycopg.connect(_as_administrator(where)) as link:
        for statement in statements:
            cursor = link.execute(statement.encode())
            found = list(cursor.fetchall()) if cursor.description else []
    return found


def recorded(where: Where, kind: str) -> list[tuple[str, dict[str, Any]]]:
    """Of each event of that type its outcome and its detail, as they happened."""
    rows = ask(
        where,
        "SELECT events.data, event_bodies.detail FROM events "
        "JOIN event_bodies ON event_bodies.event_id = events.id ORDER BY events.id",
    )
    named = f'"type":"{kind}"'.encode()
    # Somebody may have put text where bytes were, or what is no event.
    found = [row for row in rows if isinstance(row[0], bytes) and named in row[0]]
    return [(json.loads(event)["outcome"], json.loads(detail)) for event, detail in found]  # type: ignore[arg-type]
