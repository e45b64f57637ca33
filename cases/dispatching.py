"""Dispatch lists taken in: cases that they name, and items that fit one of them and no other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from evidence.agents import Action, Agent, Resource
from evidence.cases import Case, CaseDetail, CaseState
from evidence.dispatch import Dispatch, Fault, parse
from evidence.events import EventDraft, EventType, Subject
from evidence.ids import new_id
from evidence.linking import case_for
from evidence.ports.authority import Authority
from evidence.ports.catalogue import Catalogue, Transaction
from evidence.ports.clock import Clock
from evidence.ruling import judged, link_by_rule

#: Items that one list is compared with.
_MOST_ITEMS = 20_000


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

    async def take_in(self, agent: Agent, data: bytes, zone: timezone, *, dry_run: bool) -> Report:
        """Take in a list of the agent's unit; a line that was taken in before is taken in anew.

        Cases that it names and that are not there are opened; lines that cannot be read are left out and
        named. With `dry_run` nothing changes. Durable on return. Raises Denied, Invalid("bad-list").
        """
        self._authority.authorize(agent, Action.IMPORT_LISTS, Resource(agent.unit))
        lines, faults = parse(data, zone)
        now = self._clock.now()

        def work(tx: Transaction) -> Report:
            return self._taken_in(tx, agent, lines, faults, zone, now, dry_run=dry_run)

        return await (self._catalogue.read(work) if dry_run else self._catalogue.write(work))

    def _taken_in(
        self,
        tx: Transaction,
        agent: Agent,
        lines: Sequence[Dispatch],
        faults: Sequence[Fault],
        zone: timezone,
        now: datetime,
        *,
        dry_run: bool,
    ) -> Report:
        known = tx.dispatches.known(agent.unit, {one.reference for one in lines})
        fresh = [one for one in lines if known.get(one.reference) != one]
        opened = _missing(tx, agent.unit, lines)
        if not dry_run:
            tx.dispatches.put(agent.unit, fresh, agent.id, now)
            for case in opened.values():
                _open(tx, agent, case, now)
        linked: list[tuple[str, str]] = []
        ambiguous = 0
        overlaid = {one.reference: one for one in lines}
        if lines:
            begins_at, ends_at = min(one.begins_at for one in lines), max(one.ends_at for one in lines)
            items = tx.dispatches.unlinked(agent.unit, begins_at, ends_at, _MOST_ITEMS)
            offset = zone.utcoffset(None)
            for one in judged(tx, agent.unit, items, overlaid, offset):
                number = one.verdict.case_number
                if number is None:
                    ambiguous += bool(one.verdict.candidates)
                elif _linkable(tx, one.item.id, agent.unit, number, opened) and (
                    dry_run or link_by_rule(tx, one.item, number, now)
                ):
                    linked.append((one.item.id, number))
        report = Report(
            len([one for one in fresh if one.reference not in known]),
            len([one for one in fresh if one.reference in known]),
            len(lines) - len(fresh),
            faults,
            list(opened),
            linked,
            ambiguous,
        )
        if not dry_run:
            detail = {"new": report.new, "changed": report.changed, "linked": len(linked)}
            tx.events.append(EventDraft(EventType.LIST_IMPORTED, agent.id, now, detail=detail))
        return report


def _missing(tx: Transaction, unit: str, lines: Sequence[Dispatch]) -> Mapping[str, Dispatch]:
    """The first line of each case that is not there, by its number."""
    first: dict[str, Dispatch] = {}
    for one in lines:
        first.setdefault(one.case_number, one)
    return {number: one for number, one in first.items() if tx.cases.by_number(unit, number) is None}


def _open(tx: Transaction, agent: Agent, line: Dispatch, now: datetime) -> None:
    detail = CaseDetail(line.title, (), line.place)
    case = Case(
        new_id(now), agent.unit, line.case_number, line.category, CaseState.OPEN, agent.id, now, detail
    )
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
