"""The tables of figures. All of it follows from other rows and can be counted again."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table

from evidence.figures import MEASURES
from storage.catalogue.tables import ID, metadata

#: SQLite's whole numbers are as long as they need to be.
_COUNT = Integer().with_variant(BigInteger(), "postgresql")


def _cell(*, primary_key: bool) -> list[Column[object]]:
    return [
        Column("unit", String(128), primary_key=primary_key, nullable=False),
        Column("agent_id", ID, primary_key=primary_key, nullable=False),
        Column("officer", String(256), primary_key=primary_key, nullable=False),
        Column("device", String(256), primary_key=primary_key, nullable=False),
        Column("category", String(16), primary_key=primary_key, nullable=False),
        Column("kind", String(16), primary_key=primary_key, nullable=False),
        Column("day", Integer, primary_key=primary_key, nullable=False, autoincrement=False),
    ]


def _sums() -> list[Column[int]]:
    """What came with reviews was added to rows that were there."""
    return [
        Column(name, BigInteger, nullable=False, server_default="0" if name == "reviewed" else None)
        for name in MEASURES
    ]


#: What is counted of one item, and under which device's day by its own clock; no row: it is not counted.
figure_facts = Table(
    "figure_facts",
    metadata,
    Column("item_id", ForeignKey("items.id"), primary_key=True),
    *_cell(primary_key=False),
    *_sums(),
    Column("shot_on", Integer),
    Column("shot_until", Integer),
)

figures = Table(
    "figures",
    metadata,
    *_cell(primary_key=True),
    *_sums(),
    Index("ix_figures_unit_day", "unit", "day"),
    Index("ix_figures_agent_id_day", "agent_id", "day"),
)

figure_gaps = Table(
    "figure_gaps",
    metadata,
    Column("unit", String(128), primary_key=True),
    Column("device", String(256), primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("holes", _COUNT, nullable=False),
    Column("missing", _COUNT, nullable=False),
)

#: Devices' days of which something has changed since; until the sweep comes by, whoever asks counts them.
figure_gaps_due = Table(
    "figure_gaps_due",
    metadata,
    Column("unit", String(128), primary_key=True),
    Column("device", String(256), primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),
)

#: Items that a migration left to be counted; the sweep counts them.
figure_due = Table("figure_due", metadata, Column("item_id", ForeignKey("items.id"), primary_key=True))
