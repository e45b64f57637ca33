"""What is noted of copies in other stores, with the events that say so."""

from __future__ import annotations

from datetime import datetime

from evidence.alarms import raise_alarm
from evidence.canonical import Json
from evidence.events import EventDraft, EventType, Subject
from evidence.fixity import MANIFEST, ORIGINAL
from evidence.ports.catalogue import Alarm, Transaction
from evidence.ports.replicas import PRIMARY, Ensured

WRONG, OWED = "copy-wrong", "copy-owed"
#: From where a manifest is put back: it is made of rows that never change.
_CATALOGUE = "catalogue"


def note(tx: Transaction, item_id: str, found: Ensured, now: datetime) -> None:
    """Note the copies that were proven, and put those on record that were made."""
    for copy in found.proven:
        if copy.replica != PRIMARY:
            tx.replicas.note(copy)
    for name in (*found.wrong, *found.missing):
        tx.replicas.forget(item_id, name)
    for made in found.made:
        kind = EventType.COPY_MENDED if made.was_there else EventType.COPY_MADE
        _record(tx, kind, item_id, now, ORIGINAL, made.copy.replica, made.source, made.copy.method)
    for name in found.manifests:
        _record(tx, EventType.COPY_MENDED, item_id, now, MANIFEST, name, _CATALOGUE, None)
    _alarm(tx, item_id, found, now)


def _record(
    tx: Transaction,
    kind: EventType,
    item_id: str,
    now: datetime,
    what: str,
    store: str,
    source: str,
    method: str | None,
) -> None:
    detail: dict[str, Json] = {"what": what, "store": store, "from": source, "method": method}
    tx.events.append(EventDraft(kind, None, now, (Subject("item", item_id),), detail=detail))


def _alarm(tx: Transaction, item_id: str, found: Ensured, now: datetime) -> None:
    """What is wrong or owed is an alarm for as long as it is so."""
    wrong, owed = ", ".join(found.wrong), ", ".join([*found.away, *found.missing])
    said = {
        WRONG: f"In {wrong} lie other bytes than this recording's. Nothing was replaced: look at that store.",
        OWED: f"{owed} did not take a copy of this recording. It is tried again with the next audit: "
        "`custos fixity run` asks for one.",
    }
    for kind, is_so in ((WRONG, wrong), (OWED, owed)):
        if is_so:
            raise_alarm(tx, Alarm(kind, item_id, said[kind], now), item_id)
        else:
            tx.oversight.clear_alarm(kind, item_id, now)
