"""The manifest beside each original, version 1 (docs/formats/manifest.md)."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from evidence.canonical import Json, canonical, parse_canonical
from evidence.events import EventType, detail_digest, parse_event
from evidence.items import Intent, Item, Submission
from evidence.ports.catalogue import Transaction
from evidence.timekeeping import from_text, to_text

MANIFEST_VERSION = "custos/manifest/1"


def encode_manifest(item: Item, intent: Intent, *, data: bytes, salt: bytes, detail: bytes) -> bytes:
    """The manifest's canonical bytes: enough to restore the item's row from the store alone.

    `data`, `salt` and `detail` are those of the ingestion event, verbatim.
    """
    return canonical(
        {
            "v": MANIFEST_VERSION,
            "item": item.id,
            "upload": item.upload_id,
            "unit": item.unit,
            "agent": item.agent_id,
            "key": item.key,
            "store_version": item.version,
            "size": item.size,
            "digests": {"sha256": item.sha256, "crc32": f"{item.crc32:08x}"},
            "kind": item.kind,
            "media_type": item.media_type,
            "submitted": item.submission.as_json(),
            "salvaged": item.salvaged,
            "committed_at": to_text(item.committed_at),
            "lock_until": to_text(intent.full_lock),
            "event": base64.b64encode(data).decode(),
            "event_detail": base64.b64encode(detail).decode(),
            "event_salt": base64.b64encode(salt).decode(),
        }
    )


def manifest_of(tx: Transaction, item: Item) -> bytes:
    """The manifest of an item that was committed, made again of rows that never change."""
    intent = tx.uploads.intent(item.upload_id)
    assert intent is not None
    event = tx.events.get(intent.event_id)
    assert event is not None
    data, salt, detail = event
    return encode_manifest(item, intent, data=data, salt=salt, detail=detail)


def parse_manifest(data: bytes) -> dict[str, Json]:
    """The manifest in `data`; ValueError unless it is canonical and its event and detail agree."""
    manifest = parse_canonical(data)
    if manifest.get("v") != MANIFEST_VERSION:
        raise ValueError("not a version 1 manifest")
    event = parse_event(base64.b64decode(str(manifest["event"]), validate=True))
    detail = base64.b64decode(str(manifest["event_detail"]), validate=True)
    salt = base64.b64decode(str(manifest["event_salt"]), validate=True)
    if detail_digest(salt, detail) != event["detail"]:
        raise ValueError("the manifest's detail is not the one its event commits to")
    return manifest


def event_of(manifest: Mapping[str, Json]) -> tuple[bytes, bytes, bytes]:
    """The ingestion's event, salt and detail, of a manifest that was parsed."""
    data, salt, detail = (
        base64.b64decode(str(manifest[name])) for name in ("event", "event_salt", "event_detail")
    )
    return data, salt, detail


def item_of(manifest: Mapping[str, Json]) -> Item:
    """The item as it was committed, not locked any longer. Raises KeyError, TypeError, ValueError."""
    digests, submitted, salvaged = manifest["digests"], manifest["submitted"], manifest["salvaged"]
    size = manifest["size"]
    if not isinstance(digests, Mapping) or not isinstance(submitted, Mapping) or not isinstance(size, int):
        raise TypeError("not the members of a manifest")
    at = from_text(str(manifest["committed_at"]))
    return Item(
        id=str(manifest["item"]),
        upload_id=str(manifest["upload"]),
        unit=str(manifest["unit"]),
        agent_id=str(manifest["agent"]),
        submission=Submission.from_json(submitted),
        kind=str(manifest["kind"]),
        media_type=str(manifest["media_type"]),
        size=size,
        sha256=str(digests["sha256"]),
        crc32=int(str(digests["crc32"]), 16),
        key=str(manifest["key"]),
        committed_at=at,
        locked_until=at,
        salvaged=None if salvaged is None else str(salvaged),
        version=str(manifest["store_version"]),
    )


def says_what_its_event_says(manifest: Mapping[str, Json]) -> bool:
    """Whether the manifest claims nothing beside what its ingestion's event commits to.

    Unit, kind, times of commit and lock do not stand in the event. Raises KeyError, TypeError, ValueError.
    """
    item = item_of(manifest)
    data, _, detail = event_of(manifest)
    event, said = parse_event(data), parse_canonical(detail)
    return (
        event["type"] == EventType.ITEM_INGESTED
        and event["agent"] == item.agent_id
        and event["subjects"] == [{"id": item.id, "kind": "item"}, {"id": item.upload_id, "kind": "upload"}]
        and event["digests"] == {"sha256": item.sha256}
        and all(said[name] == manifest[name] for name in ("key", "size", "salvaged", "submitted"))
    )
