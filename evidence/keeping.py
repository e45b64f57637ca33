"""Until when an item is kept: reckoned anew in the transaction of whatever changes it, on record if so."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from evidence.events import EventDraft, EventType, Subject
from evidence.items import Item
from evidence.ports.catalogue import Transaction
from evidence.schedules import Keep, keep
from evidence.timekeeping import to_text


def reckon(tx: Transaction, items: Iterable[Item], now: datetime) -> int:
    """Reckon these items anew by the schedule in force; how many are kept longer or shorter than before."""
    found = [item for item in items if item.disposed_at is None]
    schedule = tx.retention.in_force()
    version = 0 if schedule is None else schedule.version
    cases = tx.retention.cases_ever({item.id for item in found})
    changed = 0
    for item in found:
        kept = keep(schedule, item.submission.category, item.committed_at, cases.get(item.id, ()))
        was = Keep(item.keep_until, item.keep_basis)
        tx.retention.keep(item.id, kept, version)
        # That something without a rule is kept without end is no news.
        if kept.until != was.until:
            changed += 1
            tx.events.append(
                EventDraft(
                    EventType.RETENTION_SET,
                    None,
                    now,
                    (Subject("item", item.id),),
                    detail={
                        "was": None if was.until is None else to_text(was.until),
                        "keep_until": None if kept.until is None else to_text(kept.until),
                        "basis": kept.basis,
                        "schedule": version,
                    },
                )
            )
    return changed
