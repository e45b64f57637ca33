"""What is noted of copies in other stores, with the events that say so."""

from __future__ import annotations

from datetime import datetime

from evidence.alarms import raise_alarm
from evidence.canonical import Json
from evidence.events import EventDraft, EventType, Outcome, Subject
from evidence.ports.catalogue import Alarm, Transaction
from evidence.ports.replicas import PRIMARY, Ensured

WRONG, OWED = "copy-wrong", "copy-owed"


def note(tx: Transaction, item_id: str, found: Ensured, now: datetime) -> None:
    """Note the copies that were proven, and put those on record that were made."""
    for copy in found.proven:
        if copy.replica != PRIMARY:
            tx.replicas.note(copy)
    for name in found.wrong:
        tx.replicas.forget(item_id, name)
    for made in found.made:
        detail: dict[str, Json] = {
            "store": made.copy.replica,
            "from": made.source,
            "method": made.copy.method,
        }
        kind = EventType.COPY_MENDED if made.was_there else EventType.COPY_MADE
        tx.events.append(
            EventDraft(kind, None, now, (Subject("item", item_id),), Outcome.SUCCESS, detail=detail)
        )
    _alarm(tx, item_id, found, now)


def _alarm(tx: Transaction, item_id: str, found: Ensured, now: datetime) -> None:
    """What is wrong or owed is an alarm for as long as it is so."""
    wrong, away = ", ".join(found.wrong), ", ".join(found.away)
    said = {
        WRONG: f"In {wrong} lie other bytes than this recording's. Nothing was replaced: look at that store.",
        OWED: f"{away} did not take a copy of this recording. It is tried again with the next audit: "
        "`custos fixity run` asks for one.",
    }
    for kind, is_so in ((WRONG, found.wrong), (OWED, found.away)):
        if is_so:
            raise_alarm(tx, Alarm(kind, item_id, said[kind], now), item_id)
        else:
            tx.oversight.clear_alarm(kind, item_id, now)
