"""Dispatch lists taken in: cases that they name, and items that fit one of them and no other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from evidence.agents import Action, Agent, Resource
from evidence.canonical import Json
from evidence.cases import Case, CaseDetail, CaseState
from evidence.csv_lists import Fault
from evidence.dispatch import Dispatch, parse
from evidence.events import EventDraft, EventType, Subject
from evidence.ids import new_id
from evidence.linking import case_for
from evidence.ports.authority import Authority
from evidence.ports.catalogue import Catalogue, Transaction
from evidence.ports.clock import Clock
from evidence.ruling import Judged, judged, link_by_rule

#: Items that one list is compared with.
_MOST_ITEMS = 20_000
#: Lines that are kept, or items that are linked, in one transaction.
_AT_ONCE = 25


@dataclass(frozen=True, slots=True)
class Report:
    """What a list came to, or would come to.

    `linked` are items with their case; `ambiguous`: more than one case fits, or the item says too little.
    """

    new: int
    changed: int
    same: int
    faults: Sequence[Fault]
    opened: Sequence[str]
    linked: Sequence[tuple[str, str]]
    ambiguous: int


class Dispatching:
    """The use case of a dispatch list."""

    def __init__(self, catalogue: Catalogue, authority: Authority, clock: Clock) -> None:
        self._catalogue = catalogue
        self._authority = authority
        self._clock = clock

    async def take_in(
        self, agent: Agent, data: bytes, zone: timezone, *, unit: str | None = None, dry_run: bool
    ) -> Report:
        """Take in a list of a unit, the agent's if none is named; a line taken in before is taken in anew.

        Cases that it names and that are not there are opened; lines that cannot be read are left out and
        named. With `dry_run` nothing changes. Durable on return. Raises Denied, Invalid("bad-list").
        """
        unit = unit or agent.unit
        above = await self._catalogue.read(lambda tx: tx.units.above(unit))
        self._authority.authorize(agent, Action.IMPORT_LISTS, Resource(unit, above=above))
        lines, faults = parse(data, zone)
        now = self._clock.now()

        known = await self._catalogue.read(
            lambda tx: tx.dispatches.known(unit, {one.reference for one in lines})
        )
        fresh = [one for one in lines if known.get(one.reference) != one]
        opened = await self._catalogue.read(lambda tx: _missing(tx, unit, lines))
        if not dry_run:
            await self._keep(agent, unit, fresh, opened, now)
        found = await self._catalogue.read(lambda tx: self._judged(tx, unit, lines, zone, opened))
        linked = [(one.item.id, number) for one in found if (number := one.verdict.case_number) is not None]
        report = Report(
            len([one for one in fresh if one.reference not in known]),
            len([one for one in fresh if one.reference in known]),
            len(lines) - len(fresh),
            faults,
            list(opened),
            linked if dry_run else await self._link(linked, now),
            sum(one.verdict.case_number is None for one in found),
        )
        if not dry_run:
            detail: dict[str, Json] = {
                "unit": unit,
                "new": report.new,
                "changed": report.changed,
                "linked": len(report.linked),
            }
            await self._catalogue.record(EventDraft(EventType.LIST_IMPORTED, agent.id, now, detail=detail))
        return report

    async def _keep(
        self,
        agent: Agent,
        unit: str,
        fresh: Sequence[Dispatch],
        opened: Mapping[str, Dispatch],
        now: datetime,
    ) -> None:
        """In steps: whoever waits for the writer meanwhile does not wait for the whole list."""
        to_open = list(opened.values())
        for start in range(0, max(len(fresh), len(to_open)), _AT_ONCE):
            some, these = fresh[start : start + _AT_ONCE], to_open[start : start + _AT_ONCE]

            def keep(
                tx: Transaction, some: Sequence[Dispatch] = some, these: Sequence[Dispatch] = these
            ) -> None:
                tx.dispatches.put(unit, some, agent.id, now)
                for line in these:
                    if tx.cases.by_number(unit, line.case_number) is None:
                        _open(tx, agent, unit, line, now)

            await self._catalogue.write(keep)

    async def _link(self, pairs: Sequence[tuple[str, str]], now: datetime) -> Sequence[tuple[str, str]]:
        """Link them in steps, as far as nobody has meanwhile; those that were."""
        linked: list[tuple[str, str]] = []
        for start in range(0, len(pairs), _AT_ONCE):
            some = pairs[start : start + _AT_ONCE]

            def link(tx: Transaction, some: Sequence[tuple[str, str]] = some) -> list[tuple[str, str]]:
                return [
                    (item_id, number)
                    for item_id, number in some
                    if (item := tx.items.get(item_id)) is not None
                    and not _is_linked(tx, item_id)
                    and link_by_rule(tx, item, number, now)
                ]

            linked += await self._catalogue.write(link)
        return linked

    def _judged(
        self,
        tx: Transaction,
        unit: str,
        lines: Sequence[Dispatch],
        zone: timezone,
        opened: Mapping[str, Dispatch],
    ) -> Sequence[Judged]:
        """Items that the list speaks of: those that it says belong to a case, or may belong to some."""
        if not lines:
            return []
        begins_at, ends_at = min(one.begins_at for one in lines), max(one.ends_at for one in lines)
        items = tx.dispatches.unlinked(unit, begins_at, ends_at, _MOST_ITEMS)
        overlaid = {one.reference: one for one in lines}
        found = judged(tx, items, zone.utcoffset(None), overlaid)
        return [
            one
            for one in found
            if (
                one.verdict.candidates
                if (number := one.verdict.case_number) is None
                else _linkable(tx, one.item.id, unit, number, opened)
            )
        ]


def _is_linked(tx: Transaction, item_id: str) -> bool:
    links = tx.links.of_items([item_id]).get(item_id, ())
    return any(made.withdrawn_at is None for made in links)


def _missing(tx: Transaction, unit: str, lines: Sequence[Dispatch]) -> Mapping[str, Dispatch]:
    """The first line of each case that is not there, by its number."""
    first: dict[str, Dispatch] = {}
    for one in lines:
        first.setdefault(one.case_number, one)
    return {number: one for number, one in first.items() if tx.cases.by_number(unit, number) is None}


def _open(tx: Transaction, agent: Agent, unit: str, line: Dispatch, now: datetime) -> None:
    detail = CaseDetail(line.title, (), line.place)
    case = Case(new_id(now), unit, line.case_number, line.category, CaseState.OPEN, agent.id, now, detail)
    tx.cases.add(case)
    tx.events.append(
        EventDraft(
            EventType.CASE_OPENED,
            agent.id,
            now,
            (Subject("case", case.id),),
            detail={
                "number": case.number,
                "unit": case.unit,
                "category": case.category.value,
                "detail": detail.as_json(),
                "list": line.reference,
            },
        )
    )


def _linkable(tx: Transaction, item_id: str, unit: str, number: str, opened: Mapping[str, Dispatch]) -> bool:
    if number in opened:
        return True
    case = case_for(tx, unit, number)
    if case is None:
        return False
    return all(made.case_id != case.id for made in tx.links.of_items([item_id]).get(item_id, ()))
