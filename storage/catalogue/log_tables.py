"""The tables of the custody log. They share the metadata of `storage.catalogue.tables`.

Leaves and nodes are frozen like the events: triggers refuse every UPDATE and DELETE.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, LargeBinary, String, Table, Text

from storage.catalogue.tables import metadata

_ID = String(36)

#: One row: how many leaves there are, how many of them are published, and the right edge of the tree.
log_heads = Table(
    "log_heads",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("origin", String(256), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("peaks", LargeBinary, nullable=False),
    Column("published", BigInteger, nullable=False),
    #: The signed note that was published last; empty before the first.
    Column("checkpoint", Text, nullable=False),
)

log_leaves = Table(
    "log_leaves",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column(
        "event_id",
        ForeignKey("events.id", name="fk_log_leaves_event_id_events"),
        nullable=False,
        unique=True,
    ),
    #: The leaf's chains as they stand in it; with the event's bytes they are the whole leaf.
    Column("chains", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)

#: The roots of full tiles: `level` 1 over 256 leaves, 2 over 65,536.
log_nodes = Table(
    "log_nodes",
    metadata,
    Column("level", Integer, primary_key=True),
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("hash", LargeBinary, nullable=False),
)

#: The last leaf of each subject: how many came before it, and its hash.
log_subjects = Table(
    "log_subjects",
    metadata,
    Column("subject", _ID, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)

#: Checkpoints that a time authority has signed.
log_stamps = Table(
    "log_stamps",
    metadata,
    Column("size", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("asked_at", BigInteger, nullable=False),
    Column("authority", Text, nullable=False),
    Column("token", LargeBinary, nullable=False),
    Column("checkpoint", Text, nullable=False),
    Column("policy", Text),
)

#: Checkpoints that nobody but this installation has signed the time of.
log_self_asserted = Table(
    "log_self_asserted",
    metadata,
    Column("size", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("asked_at", BigInteger, nullable=False),
    Column("time_source", Text, nullable=False),
    Column("token", LargeBinary, nullable=False),
    Column("checkpoint", Text, nullable=False),
)

#: What each witness has cosigned last, by its key.
log_witnesses = Table(
    "log_witnesses",
    metadata,
    Column("key", String(512), primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("checkpoint", Text, nullable=False),
    Column("at", BigInteger),
    Column("silent_since", BigInteger),
)

#: One row: the newest head that enough of them have cosigned.
log_witnessed = Table(
    "log_witnessed",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("checkpoint", Text, nullable=False),
)

#: Signed statements about the log's keys: which named a recovery key, which took over from which.
log_key_statements = Table(
    "log_key_statements",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("note", Text, nullable=False),
)

__all__ = [
    "log_heads",
    "log_key_statements",
    "log_leaves",
    "log_nodes",
    "log_self_asserted",
    "log_stamps",
    "log_subjects",
    "log_witnessed",
    "log_witnesses",
    "metadata",
]
