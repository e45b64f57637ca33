"""The tables of the search. All of it is a projection: it follows from other rows and can be made again.

`search_rows.seq` is an item's place in the order of lists, and its short name in the other tables. Columns
of text that are compared by beginnings need an order by code points: SQLite's, and PostgreSQL's "C". Each
index of one column goes on by `seq`, so that PostgreSQL, like SQLite, has the newest of a value at its end.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from storage.catalogue.tables import metadata

_ID = String(36)
_COUNTER = BigInteger().with_variant(Integer, "sqlite")
#: The columns of `search_rows` that have an index of their own.
INDEXED = ("unit", "agent_id", "officer", "badge", "device", "kind", "category", "state")


def _row() -> Column[int]:
    return Column("seq", ForeignKey("search_rows.seq"), primary_key=True)


#: In microseconds: of what begins within one such stretch of time the newest can be found first.
STRETCH = 4 * 3_600_000_000


def stretch_of(instant_us: int) -> int:
    """The stretch that an instant lies in."""
    return instant_us // STRETCH


#: What is equal or not. The three wide indexes hold all that facets count, so that no row is read for it.
search_rows = Table(
    "search_rows",
    metadata,
    Column("seq", _COUNTER, primary_key=True, autoincrement=True),
    Column("item_id", ForeignKey("items.id"), nullable=False, unique=True),
    Column("unit", String(128), nullable=False),
    Column("agent_id", _ID, nullable=False),
    Column("officer", String(256)),
    Column("badge", String(256)),
    Column("device", String(256)),
    Column("kind", String(16), nullable=False),
    Column("category", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    *(Index(f"ix_search_rows_{name}", name, "seq") for name in INDEXED),
    Index("ix_search_rows_counts", "unit", "kind", "category", "state", "officer", "device"),
    Index("ix_search_rows_officers", "unit", "officer", "kind", "category", "state"),
    Index("ix_search_rows_devices", "unit", "device", "kind", "category", "state"),
)

search_cases = Table(
    "search_cases",
    metadata,
    Column("number", String(256), primary_key=True),
    _row(),
    Index("ix_search_cases_seq", "seq"),
    sqlite_with_rowid=False,
)

search_texts = Table("search_texts", metadata, _row(), Column("text", Text, nullable=False))

search_terms = Table(
    "search_terms",
    metadata,
    Column("term", String(32), primary_key=True),
    _row(),
    sqlite_with_rowid=False,
)

search_clocks = Table(
    "search_clocks",
    metadata,
    _row(),
    Column("n", Integer, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("source", String(200), nullable=False),
    Column("stated", Text, nullable=False),
    Column("zone", String(16)),
    Column("assumed", String(16)),
    Column("marks", String(16), nullable=False),
    Column("begins", BigInteger, nullable=False),
    Column("ends", BigInteger, nullable=False),
    Index("ix_search_clocks_begins", "begins", "ends", "kind", "seq"),
    sqlite_with_rowid=False,
)

#: In which stretches of time clocks say that items begin.
search_stretches = Table(
    "search_stretches",
    metadata,
    Column("stretch", BigInteger, primary_key=True, autoincrement=False),
    _row(),
    sqlite_with_rowid=False,
)

search_cells = Table(
    "search_cells",
    metadata,
    Column("cell", BigInteger, primary_key=True, autoincrement=False),
    _row(),
    sqlite_with_rowid=False,
)

search_places = Table(
    "search_places",
    metadata,
    _row(),
    Column("latitude", Integer, primary_key=True, autoincrement=False),
    Column("longitude", Integer, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

#: Items whose entries a migration left to be made; the sweep makes them.
search_due = Table("search_due", metadata, Column("item_id", ForeignKey("items.id"), primary_key=True))

saved_searches = Table(
    "saved_searches",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("agent_id", ForeignKey("agents.id"), nullable=False),
    Column("name", String(200), nullable=False),
    Column("query", Text, nullable=False),
    Column("saved_at", BigInteger, nullable=False),
    UniqueConstraint("agent_id", "name"),
)
