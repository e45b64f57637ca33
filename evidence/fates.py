"""What may become of items now, from all that the catalogue knows of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from evidence.disposal import Fate, Standing, fate
from evidence.items import Item
from evidence.ports.catalogue import Transaction
from evidence.schedules import Keep, keep


def kept(tx: Transaction, items: Sequence[Item]) -> Mapping[str, Keep]:
    """Until when each is kept by the schedule in force, reckoned now: rows may be behind it."""
    schedule = tx.retention.in_force()
    cases = tx.retention.cases_ever({item.id for item in items})
    return {
        item.id: keep(schedule, item.submission.category, item.committed_at, cases.get(item.id, ()))
        for item in items
    }


def fates(
    tx: Transaction,
    items: Sequence[Item],
    now: datetime,
    *,
    in_proposal: bool = False,
    locks: Mapping[str, datetime] | None = None,
) -> Mapping[str, Fate]:
    """What may become of each of the items at that instant.

    `in_proposal`: they are asked about for the proposal that they are in. `locks`: what the store says, where
    that was asked; the later of both counts.
    """
    ids = [item.id for item in items]
    until = kept(tx, items)
    busy = tx.disposals.busy(ids)
    proposed = frozenset() if in_proposal else tx.disposals.proposed(ids)
    return {
        item.id: fate(
            Standing(
                until[item.id],
                item.held,
                max(item.locked_until, (locks or {}).get(item.id, item.locked_until)),
                item.id in busy,
                item.id in proposed,
                item.disposed_at is not None,
            ),
            now,
        )
        for item in items
    }
