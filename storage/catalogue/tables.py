"""The catalogue's tables. Instants are whole microseconds since 1970 UTC; JSON columns hold canonical JSON.

`events` is frozen: identifier, bytes, time, and a trigger that refuses every UPDATE and DELETE. What is
searched (`event_subjects`) is a projection that can be rebuilt from the bytes.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

ID = String(36)
#: SQLite counts only INTEGER PRIMARY KEY up by itself.
_COUNTER = BigInteger().with_variant(Integer, "sqlite")


def _only(which: str) -> dict[str, Any]:
    """An index of some rows; a question that is to use it carries the same condition."""
    return {"sqlite_where": text(which), "postgresql_where": text(which)}


#: What is looked for again and again is not looked for among all that was ever disposed of.
_THERE = _only("disposed_at IS NULL")

agents = Table(
    "agents",
    metadata,
    Column("id", ID, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("username", String(128), nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("role", String(32), nullable=False),
    Column("unit", String(128), nullable=False),
    Column("password_hash", Text),
    Column("disabled", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

credentials = Table(
    "credentials",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("agent_id", ForeignKey("agents.id"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("label", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)

uploads = Table(
    "uploads",
    metadata,
    Column("id", ID, primary_key=True),
    Column("agent_id", ForeignKey("agents.id"), nullable=False),
    Column("unit", String(128), nullable=False, index=True),
    Column("length", BigInteger, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("submission", Text, nullable=False),
    Column("hash_state", LargeBinary),
    Column("crc32", BigInteger, nullable=False),
    Column("sha256", String(64)),
    Column("salvaged", Text),
    Column("code", String(64)),
    Column("message", Text),
    Column("item_id", ID),
    Column("created_at", BigInteger, nullable=False),
    Column("touched_at", BigInteger, nullable=False),
    #: The tag of the staging disk on which its bytes lie; null: of an installation of one host.
    Column("staging", String(8)),
    Index("ix_uploads_state_touched_at", "state", "touched_at"),
)

intents = Table(
    "intents",
    metadata,
    Column("upload_id", ForeignKey("uploads.id"), primary_key=True),
    Column("item_id", ID, nullable=False),
    Column("event_id", ID, nullable=False),
    Column("key", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("first_lock", BigInteger, nullable=False),
    Column("full_lock", BigInteger, nullable=False),
    Column("resubmission", Boolean, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("media_type", String(128), nullable=False),
)

receipts = Table(
    "receipts",
    metadata,
    Column("seq", _COUNTER, primary_key=True, autoincrement=True),
    Column("upload_id", ForeignKey("uploads.id"), nullable=False, index=True),
    Column("item_id", ID, nullable=False, index=True),
    Column("jws", Text, nullable=False),
    Column("completed", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("upload_id", "completed"),
)

items = Table(
    "items",
    metadata,
    Column("id", ID, primary_key=True),
    Column("upload_id", ForeignKey("uploads.id"), nullable=False, unique=True),
    Column("unit", String(128), nullable=False),
    Column("agent_id", ForeignKey("agents.id"), nullable=False),
    #: Whose recording it is: whoever sent it, or for what a station sent the officer that it names.
    Column("owner_id", ID, nullable=False, server_default=""),
    Column("device", String(256)),
    Column("submission", Text, nullable=False),
    #: The case that the submitter named.
    Column("case_number", Text),
    Column("kind", String(16), nullable=False),
    Column("media_type", String(128), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("crc32", BigInteger, nullable=False),
    Column("key", Text, nullable=False, unique=True),
    Column("version", Text, nullable=False),
    Column("salvaged", Text),
    Column("committed_at", BigInteger, nullable=False),
    Column("locked_until", BigInteger, nullable=False),
    Column("fully_locked", Boolean, nullable=False),
    Column("read_back", Text),
    Column("summary", Text),
    #: What holds of its own restriction and of those of the cases that it is linked to.
    Column("restriction", String(16), nullable=False, server_default="none"),
    #: How many live links it has.
    Column("links", Integer, nullable=False, server_default="0"),
    #: Until when policy keeps it, null: without end; on what that rests; by which version of the schedule.
    Column("keep_until", BigInteger),
    Column("keep_basis", Text, nullable=False, server_default=""),
    Column("schedule_version", Integer, nullable=False, server_default="0"),
    #: Whether a hold is on it, or on a case that it is or was linked to.
    Column("held", Boolean, nullable=False, server_default="0"),
    #: Its turn to be reviewed, `evidence.reviews.Turn`.
    Column("turn", Integer, nullable=False, server_default="1"),
    Index("ix_items_unit_turn_id", "unit", "turn", "id"),
    Index("ix_items_unit_committed_at", "unit", "committed_at"),
    #: When it was disposed of, and by which proposal. The row stays.
    Column("disposed_at", BigInteger),
    Column("disposed_in", ID),
    #: What the store was last told of `held`.
    Column("store_held", Boolean, nullable=False, server_default="0"),
    Index("ix_items_keep_until", "keep_until", **_THERE),
    Index("ix_items_schedule_version_id", "schedule_version", "id", **_THERE),
    Index("ix_items_fully_locked_locked_until", "fully_locked", "locked_until", **_THERE),
    Index("ix_items_untold_holds", "id", **_only("held != store_held")),
    Index("ix_items_unit_case_number", "unit", "case_number"),
    Index("ix_items_restriction_id", "restriction", "id"),
    Index("ix_items_unit_links_id", "unit", "links", "id", **_THERE),
    Index("ix_items_unit_id", "unit", "id"),
    Index("ix_items_owner_id_id", "owner_id", "id"),
    Index("ix_items_sha256_device_unit", "sha256", "device", "unit"),
    Index("ix_items_fully_locked_committed_at", "fully_locked", "committed_at"),
)

descriptions = Table(
    "descriptions",
    metadata,
    Column("item_id", ForeignKey("items.id"), primary_key=True),
    Column("data", Text, nullable=False),
)

renditions = Table(
    "renditions",
    metadata,
    Column("id", ID, primary_key=True),
    Column("item_id", ForeignKey("items.id"), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("key", Text, nullable=False),
    Column("media_type", String(128), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("provenance", Text, nullable=False),
    Column("layout", Text, nullable=False),
    UniqueConstraint("item_id", "kind"),
)

stills = Table(
    "stills",
    metadata,
    Column("id", ID, primary_key=True),
    Column("item_id", ForeignKey("items.id"), nullable=False),
    Column("agent_id", ForeignKey("agents.id"), nullable=False),
    Column("shown_us", BigInteger, nullable=False),
    Column("asked_at", BigInteger, nullable=False),
    Index("ix_stills_item_id", "item_id"),
)

recoveries = Table(
    "recoveries",
    metadata,
    Column("id", ID, primary_key=True),
    Column("item_id", ForeignKey("items.id"), nullable=False),
    Column("sibling_id", ForeignKey("items.id"), nullable=False),
    Column("agent_id", ForeignKey("agents.id"), nullable=False),
    Column("asked_at", BigInteger, nullable=False),
    Index("ix_recoveries_item_id", "item_id"),
)

parts = Table(
    "parts",
    metadata,
    Column("id", ID, primary_key=True),
    Column("item_id", ForeignKey("items.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("begins_us", BigInteger, nullable=False),
    Column("ends_us", BigInteger, nullable=False),
    Column("how", Text, nullable=False),
    Column("made_at", BigInteger),
    Column("given_up", Text),
    UniqueConstraint("item_id", "number"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", ID, primary_key=True),
    Column("stage", String(32), nullable=False),
    Column("subject", ID, nullable=False),
    Column("unit", String(128), nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("not_before", BigInteger, nullable=False),
    Column("lease_until", BigInteger),
    Column("rung_at", BigInteger),
    Column("progress", Integer, nullable=False),
    Column("code", String(64)),
    Column("message", Text),
    Column("updated_at", BigInteger, nullable=False),
    Column("started_at", BigInteger),
    #: Where alone it can be done, null: anywhere.
    Column("staging", String(8)),
    #: Of its attempts, those whose end may lie in the work itself.
    Column("faults", Integer, nullable=False, server_default="0"),
    UniqueConstraint("subject", "stage"),
    Index("ix_jobs_state_updated_at", "state", "updated_at"),
)

job_changes = Table(
    "job_changes",
    metadata,
    Column("seq", _COUNTER, primary_key=True, autoincrement=True),
    Column("job_id", ID, nullable=False),
    Column("stage", String(32), nullable=False),
    Column("subject", ID, nullable=False),
    Column("unit", String(128), nullable=False),
    Column("state", String(16), nullable=False),
    Column("progress", Integer, nullable=False),
    Column("message", Text),
    Column("at", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

emitters = Table(
    "emitters",
    metadata,
    Column("id", ID, primary_key=True),
    Column("started_at", BigInteger, nullable=False),
    Column("next_n", BigInteger, nullable=False),
)

events = Table(
    "events",
    metadata,
    Column("id", ID, primary_key=True),
    Column("data", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
)

event_bodies = Table(
    "event_bodies",
    metadata,
    Column("event_id", ForeignKey("events.id"), primary_key=True),
    Column("salt", LargeBinary, nullable=False),
    Column("detail", LargeBinary, nullable=False),
)

event_subjects = Table(
    "event_subjects",
    metadata,
    Column("seq", _COUNTER, primary_key=True, autoincrement=True),
    Column("subject", ID, nullable=False),
    Column("event_id", ForeignKey("events.id"), nullable=False),
    Index("ix_event_subjects_subject_seq", "subject", "seq"),
)

#: What the sequencer takes from; late commits cannot be skipped, and `events` stays insert-only.
event_queue = Table(
    "event_queue",
    metadata,
    Column("seq", _COUNTER, primary_key=True, autoincrement=True),
    Column("event_id", ForeignKey("events.id"), nullable=False),
    sqlite_autoincrement=True,
)

viewings = Table(
    "viewings",
    metadata,
    Column("id", ID, primary_key=True),
    Column("agent_id", ForeignKey("agents.id"), nullable=False),
    Column("item_id", ForeignKey("items.id"), nullable=False),
    Column("content", String(36), nullable=False),
    Column("permitted_from", BigInteger, nullable=False),
    Column("permitted_to", BigInteger, nullable=False),
    Column("purpose", Text),
    Column("opened_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("emitter", ID, nullable=False),
    Column("closed_at", BigInteger),
    Column("sent", Text),
    Index("ix_viewings_closed_at_expires_at", "closed_at", "expires_at"),
    Index("ix_viewings_item_id", "item_id"),
    Index("ix_viewings_agent_id_item_id_content", "agent_id", "item_id", "content"),
)

alarms = Table(
    "alarms",
    metadata,
    Column("kind", String(64), primary_key=True),
    Column("subject", String(128), primary_key=True),
    Column("message", Text, nullable=False),
    Column("raised_at", BigInteger, nullable=False),
    Column("cleared_at", BigInteger),
    Index("ix_alarms_subject", "subject"),
)

#: Anonymous noise, counted by kind and hour.
security_noise = Table(
    "security_noise",
    metadata,
    Column("kind", String(64), primary_key=True),
    Column("hour", BigInteger, primary_key=True),
    Column("count", BigInteger, nullable=False),
)
