"""Linking by rule: what a dispatch list says of items that nobody has linked, never as a guess.

A link of the two that somebody withdrew is not made again by a rule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from evidence.cases import Origin
from evidence.dispatch import Dispatch, Roster, Verdict
from evidence.items import Item
from evidence.linking import case_for, link
from evidence.ports.catalogue import Transaction


@dataclass(frozen=True, slots=True)
class Judged:
    """An item with what the lists say of it."""

    item: Item
    verdict: Verdict


def judged(
    tx: Transaction, items: Sequence[Item], zone: timedelta, lines: Mapping[str, Dispatch] | None = None
) -> Sequence[Judged]:
    """Items against the lists of their units, in their order.

    With `lines` they are of one unit, and these stand in place of those of the same references.
    """
    sightings = tx.dispatches.sightings(items, zone)
    spans: dict[str, list[tuple[datetime, datetime]]] = {}
    for item in items:
        sighting = sightings[item.id]
        times = spans.setdefault(item.unit, [])
        if sighting.begins_at is not None:
            times.append((sighting.begins_at, sighting.ends_at or sighting.begins_at))
    overlaid = lines or {}
    rosters = {
        unit: Roster([*(one for one in kept if one.reference not in overlaid), *overlaid.values()])
        for unit, kept in tx.dispatches.near(spans).items()
    }
    return [Judged(item, rosters[item.unit].judge(sightings[item.id])) for item in items]


def link_by_rule(tx: Transaction, item: Item, number: str, now: datetime) -> bool:
    """Link the item to that case of its unit; whether it was."""
    case = case_for(tx, item.unit, number)
    if case is None:
        return False
    if any(made.case_id == case.id for made in tx.links.of_items([item.id]).get(item.id, ())):
        return False
    link(tx, case, item, Origin.RULE, None, now)
    return True


def link_described(tx: Transaction, item: Item, zone: timedelta, now: datetime) -> None:
    """What a described item belongs to by the lists that are there already, unless somebody linked it."""
    live = [made for made in tx.links.of_items([item.id]).get(item.id, ()) if made.withdrawn_at is None]
    if live:
        return
    for one in judged(tx, [item], zone):
        if one.verdict.case_number is not None:
            link_by_rule(tx, one.item, one.verdict.case_number, now)
