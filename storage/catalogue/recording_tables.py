"""The tables of recordings. They share the metadata of `storage.catalogue.tables`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, String, Table, Text

from storage.catalogue.tables import metadata

_ID = String(36)
_DIGEST = String(64)

#: A recording is of one unit, and named after one of its segments, with whose instant its name begins: its
#: pages rest on that. `own` is the name of the one that is named after this, so that whatever a recording was
#: ever called leads to a segment, and on to where that is now. `line` is a digest of what segments must have
#: in common to be compared; null: compared with none.
recording_segments = Table(
    "recording_segments",
    metadata,
    Column("item_id", ForeignKey("items.id"), primary_key=True),
    Column("own", _ID, nullable=False, unique=True),
    Column("recording_id", _ID, nullable=False, index=True),
    Column("line", _DIGEST, index=True),
    Column("known", Text, nullable=False),
)

#: When a segment began, by each clock that it knows; number 0 is the clock that is asked first.
recording_starts = Table(
    "recording_starts",
    metadata,
    Column("item_id", ForeignKey("recording_segments.item_id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("unit", String(128), nullable=False),
    Column("device", String(256)),
    Column("zoned", Boolean, nullable=False),
    #: A digest of line and clock: what is equal here may be compared.
    Column("clock", _DIGEST, nullable=False),
    Column("begins_us", BigInteger, nullable=False),
    Column("ends_us", BigInteger, nullable=False),
    Index("ix_recording_starts_clock_begins_us", "clock", "begins_us"),
    Index("ix_recording_starts_clock_ends_us", "clock", "ends_us"),
    Index("ix_recording_starts_unit_device_number_begins_us", "unit", "device", "number", "begins_us"),
)

__all__ = ["metadata", "recording_segments", "recording_starts"]
