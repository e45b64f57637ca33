"""Custody reports 保管报告 as somebody asks for them: of an item, or of a case as far as they may see it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache

from evidence.access import Viewer
from evidence.agents import Action, Agent
from evidence.allowed import MOST_SEGMENTS, allowed_case, allowed_item, seen_among
from evidence.case_history import opened_to
from evidence.cases import Case, Link
from evidence.errors import Denied, Invalid
from evidence.events import EventDraft, EventType, Subject
from evidence.ids import new_id
from evidence.items import Item
from evidence.ports.authority import Authority
from evidence.ports.catalogue import Catalogue, Transaction
from evidence.ports.clock import Clock
from evidence.ports.exports import DatedHead, LogExtracts
from evidence.ports.log import LogHead
from evidence.proofs import CaseProof, ItemProof, Proof, first_leaf, stamp_of
from evidence.report import Language, Report
from evidence.timeline import time_line
from evidence.withholding import agents_in, missing_segments
from retrieval.report import AskedFor, CaseTold, case_report, item_report
from retrieval.report_case import CaseHistory, subjects_named
from retrieval.report_html import report_html
from retrieval.report_item import ItemTold
from retrieval.report_words import Words

#: Items that one report tells of; a case of more is exported, where each has its history.
MOST_ITEMS = 100


class Format(StrEnum):
    """What a report is written as."""

    HTML = "html"
    PDF = "pdf"


@dataclass(frozen=True, slots=True)
class _Found:
    """What a report is to tell of, as far as whoever asks may see it."""

    items: Sequence[Item]
    links: dict[str, list[tuple[Link, Case]]]
    case: Case | None = None
    #: Numbers of the one item's recording, of which the reader may see no segment.
    numbers: Sequence[tuple[int, int]] = ()


class Reports:
    """The use cases of custody reports. Each is on record before its first byte."""

    def __init__(
        self,
        catalogue: Catalogue,
        authority: Authority,
        clock: Clock,
        extracts: LogExtracts,
    ) -> None:
        self._catalogue = catalogue
        self._authority = authority
        self._clock = clock
        self._extracts = extracts

    async def of_item(self, agent: Agent, item_id: str, language: Language, wanted: Format) -> bytes:
        """The report of one item, for whoever may see its history; also once it is disposed of.

        Raises Denied; of a PDF Unavailable("no-font"), Invalid("too-long").
        """
        now = self._clock.now()

        def look(tx: Transaction) -> _Found:
            item = allowed_item(tx, self._authority, agent, Action.SEE_HISTORY, item_id, now)
            # Not by `allowed_item`: of what was disposed of there is a report still.
            if not seen_among(tx, self._authority, agent, [item_id], now):
                raise Denied
            return _Found([item], self._links(tx, agent, [item_id]), None, self._numbers(tx, agent, item_id))

        found = await self._catalogue.read(look)
        return await self._made(agent, found, language, wanted)

    async def of_case(self, agent: Agent, case_id: str, language: Language, wanted: Format) -> bytes:
        """The report of a case, with the items linked to it whose history the agent may see.

        What they may not see counts nowhere. Raises Denied, Invalid("too-many-items"); of a PDF
        Unavailable("no-font"), Invalid("too-long").
        """
        now = self._clock.now()

        def look(tx: Transaction) -> _Found:
            case = allowed_case(tx, self._authority, agent, Action.SEE_CASE, case_id, now)
            if self._authority.scope(agent, Action.SEE_HISTORY) is None:
                raise Denied
            linked = [link.item_id for link in tx.links.of_case(case_id) if link.withdrawn_at is None]
            seen = seen_among(tx, self._authority, agent, linked, now)
            seen &= seen_among(tx, self._authority, agent, linked, now, Action.SEE_HISTORY)
            items = tx.items.several([item_id for item_id in linked if item_id in seen])
            if len(items) > MOST_ITEMS:
                raise Invalid(
                    "too-many-items",
                    f"A report tells of at most {MOST_ITEMS} items. Ask for reports of single items, or "
                    "export the case.",
                )
            return _Found(items, self._links(tx, agent, [item.id for item in items]), case)

        found = await self._catalogue.read(look)
        return await self._made(agent, found, language, wanted)

    def _numbers(self, tx: Transaction, agent: Agent, item_id: str) -> Sequence[tuple[int, int]]:
        scope, recording = (
            self._authority.scope(agent, Action.LIST_ITEMS),
            tx.recordings.recording_of(item_id),
        )
        if scope is None or recording is None:
            return ()
        viewer = Viewer.of(agent, scope, self._clock.now())
        members = tx.recordings.members(viewer, [recording], MOST_SEGMENTS)
        line = time_line([one.segment for one in members])
        return [(one.first, one.last) for one in line.missing]

    def _links(
        self, tx: Transaction, agent: Agent, item_ids: Sequence[str]
    ) -> dict[str, list[tuple[Link, Case]]]:
        scope = self._authority.scope(agent, Action.SEE_CASE)
        if scope is None:
            return {}
        links = tx.links.of_items(item_ids)
        named = {link.case_id for made in links.values() for link in made}
        seen = tx.cases.seen_by(Viewer.of(agent, scope, self._clock.now()), named)
        return {
            item_id: [(link, seen[link.case_id]) for link in made if link.case_id in seen]
            for item_id, made in links.items()
        }

    async def _made(self, agent: Agent, found: _Found, language: Language, wanted: Format) -> bytes:
        asked = AskedFor(agent.id, self._clock.now(), self._clock.source(), new_id(self._clock.now()))
        subjects = [Subject("item", item.id) for item in found.items]
        if found.case is not None:
            subjects.append(Subject("case", found.case.id))
        await self._catalogue.record(
            EventDraft(
                EventType.REPORT_SHOWN,
                agent.id,
                asked.at,
                tuple(subjects),
                detail={"language": language.value, "format": wanted.value},
                id=asked.event_id,
            )
        )
        head = await self._extracts.head()
        witnessed = await self._catalogue.read(lambda tx: tx.log.witnessed())
        asked = replace(asked, witnessed=None if witnessed is None else witnessed.size)
        items = [await self._told(item, found, head, asked.event_id) for item in found.items]
        history = await self._history(agent, found, head, asked)
        proofs: list[Proof] = [one.proof for one in items]
        if history is not None:
            proofs.append(history.proof)
        acted = await asyncio.to_thread(agents_in, proofs)
        people = {agent.id, *acted, *(item.agent_id for item in found.items)}
        cases = {case.id: case.number for made in found.links.values() for _, case in made}
        # What an open event names is open to its reader: that is what makes it one.
        named, others = (
            [] if history is None else subjects_named(history.proof, kind) for kind in ("item", "case")
        )

        def look(tx: Transaction) -> tuple[Words, dict[str, str]]:
            files = {one.id: one.submission.filename for one in tx.items.several(named)}
            numbers = cases | {case.id: case.number for case in tx.cases.get_all(others).values()}
            return Words(language, tx.zone, tx.agents.names(sorted(people)), numbers), files

        words, files = await self._catalogue.read(look)

        def write() -> bytes:
            if found.case is None:
                report = item_report(words, asked, items[0])
            else:
                segments = missing_segments(found.items)
                of_case = None if history is None else replace(history, names=files)
                report = case_report(words, asked, CaseTold(found.case, items, segments, history=of_case))
            return report_html(report) if wanted is Format.HTML else _pdf_writer()(report)

        return await asyncio.to_thread(write)

    async def _history(
        self, agent: Agent, found: _Found, head: LogHead | None, asked: AskedFor
    ) -> CaseHistory | None:
        """The case's own, as far as the agent may see what it names; without the report's own event."""
        case = found.case
        if case is None or head is None:
            return None
        whole = await self._extracts.of_case(case.id, head)

        def look(tx: Transaction) -> CaseProof | None:
            try:
                allowed_case(tx, self._authority, agent, Action.SEE_HISTORY, case.id, asked.at)
            except Denied:
                return None
            return opened_to(tx, self._authority, agent, whole, asked.at)

        opened = await self._catalogue.read(look)
        if opened is None:
            return None
        checked = await self._extracts.checked(opened)
        is_in = any(asked.event_id.encode() in one.leaf for one in opened.events)
        return CaseHistory(replace(opened, waiting=opened.waiting - (not is_in)), checked)

    async def _dated(self, proof: ItemProof, head: LogHead) -> Sequence[DatedHead]:
        first = first_leaf(proof)
        return [] if first is None else await self._extracts.dated([first], head)

    async def _told(self, item: Item, found: _Found, head: LogHead | None, own: str) -> ItemTold:
        checked = stamp = None
        proof = ItemProof(item.id, "", "", [], 0)
        if head is None:
            waiting = await self._catalogue.read(lambda tx: tx.log.waiting(item.id, 0))
            proof = replace(proof, waiting=waiting)
        else:
            proof = await self._extracts.of_item(item.id, head)
            checked = await self._extracts.checked(proof)
            stamp = stamp_of(proof, [one.stamp for one in await self._dated(proof, head)])
        proof = await asyncio.to_thread(_to_tell, proof, own)

        def look(tx: Transaction) -> ItemTold:
            live = [(link, case) for link, case in found.links.get(item.id, ()) if link.withdrawn_at is None]
            description, made = tx.items.description(item.id), tx.items.renditions(item.id)
            return ItemTold(item, proof, checked, description, made, live, frozenset(), stamp, found.numbers)

        return await self._catalogue.read(look)


@cache
def _pdf_writer() -> Callable[[Report], bytes]:
    # What it is made with takes a fifth of a second to load, and most processes never write one.
    from retrieval.report_pdf import PdfWriter

    return PdfWriter()


def _to_tell(proof: ItemProof, own: str) -> ItemProof:
    """What a report tells of: without the proofs themselves, and without its own event among those that wait.

    That event is named at the report's beginning, and is no reason to ask for it again.
    """
    light = [replace(one, proof="", salt=None) for one in proof.events]
    is_in = any(own.encode() in one.leaf for one in proof.events)
    return replace(proof, events=light, waiting=proof.waiting - (not is_in))
