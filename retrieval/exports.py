"""Taking evidence away: asking for an export, what became of it, and its bytes, any of them at any time."""

from __future__ import annotations

import asyncio
import base64
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import BinaryIO, Protocol, TypeAlias

from evidence.agents import Action, Agent
from evidence.allowed import allowed_case, allowed_item, allowed_items, seen_among
from evidence.canonical import Json
from evidence.cases import checked_reason
from evidence.errors import Conflict, Denied, Unavailable
from evidence.events import EventDraft, EventType, Subject
from evidence.exports import (
    Export,
    MadeExport,
    Matter,
    Plan,
    Wanted,
    asked_events,
    checked_items,
    checked_renditions,
)
from evidence.ids import is_id, new_id
from evidence.jobs import RINGS, Job, Stage
from evidence.ports.authority import Authority
from evidence.ports.catalogue import Catalogue, Transaction
from evidence.ports.clock import Clock
from evidence.ports.doorbell import Doorbell
from evidence.ports.objects import NotStored, ObjectStore
from evidence.proofs import ProvenEvent
from evidence.ranges import ByteRange
from evidence.revocation import KeptList
from evidence.zips import ZipEntry, ZipLayout, lay_out
from retrieval.viewings import OpenViewing, ViewingDesk

PAGE = 50
#: So long an export can be fetched; then its files go, and what it was stays on record.
KEPT = timedelta(days=30)
#: Of plans that were served last: a player of a large export asks for many ranges.
_FILES_REMEMBERED = 60_000


@dataclass(frozen=True, slots=True)
class ExportView:
    """An export, who asked for it, and the work on it."""

    export: Export
    name: str | None
    job: Job | None


_Put: TypeAlias = Callable[[Transaction], tuple[ExportView, list[Job]]]


@dataclass(frozen=True, slots=True)
class Archive:
    """An export whose bytes may be asked for. `files` are what its layout's entries are made of."""

    export: Export
    plan: Plan
    layout: ZipLayout
    first_item: str
    items: tuple[str, ...]


class EventProofs(Protocol):
    """Where an event stands in the custody log."""

    async def of_event(self, event_id: str) -> tuple[str, ProvenEvent] | None:
        """The log's key, and the event's leaf with its proof; None while it is not in the log."""
        ...


class Exports:
    """The use cases of exports."""

    def __init__(
        self,
        catalogue: Catalogue,
        store: ObjectStore,
        authority: Authority,
        clock: Clock,
        doorbell: Doorbell,
        desk: ViewingDesk,
        proofs: EventProofs,
    ) -> None:
        self._catalogue = catalogue
        self._store = store
        self._authority = authority
        self._clock = clock
        self._doorbell = doorbell
        self._desk = desk
        self._proofs = proofs
        self._plans: OrderedDict[str, tuple[Plan, ZipLayout]] = OrderedDict()

    async def of_item(self, agent: Agent, item_id: str, wanted: Wanted) -> ExportView:
        """Queue an export of one item, on record; durable on return. Raises Denied, Disposed, Invalid."""
        wanted, now = _checked(wanted), self._clock.now()

        def put(tx: Transaction) -> tuple[ExportView, list[Job]]:
            item = allowed_item(tx, self._authority, agent, Action.EXPORT, item_id, now, wanted.reason)
            return _put(tx, agent, item.unit, Matter.ITEM, item_id, [item_id], wanted, now)

        return await self._queued(put)

    async def of_case(self, agent: Agent, case_id: str, wanted: Wanted) -> ExportView:
        """Queue an export of what is linked to a case now and may be exported; later links are not in it.

        Raises Denied, Invalid, Conflict("nothing-to-export").
        """
        wanted, now = _checked(wanted), self._clock.now()

        def put(tx: Transaction) -> tuple[ExportView, list[Job]]:
            case = allowed_case(tx, self._authority, agent, Action.SEE_CASE, case_id, now)
            if self._authority.scope(agent, Action.EXPORT) is None:
                raise Denied
            linked = [link.item_id for link in tx.links.of_case(case_id) if link.withdrawn_at is None]
            may = seen_among(tx, self._authority, agent, linked, now, Action.EXPORT, wanted.reason)
            items = checked_items(_with_something(tx, [item_id for item_id in linked if item_id in may]))
            return _put(tx, agent, case.unit, Matter.CASE, case_id, items, wanted, now)

        return await self._queued(put)

    async def page(self, agent: Agent, before: str | None) -> tuple[Sequence[ExportView], str | None]:
        """A page of the unit's exports of which the agent may see every item, newest first; on record.

        Beside it the identifier that the next page continues from.
        """
        scope = self._authority.scope(agent, Action.EXPORT)
        if scope is None:
            raise Denied
        now = self._clock.now()

        def look(tx: Transaction) -> tuple[list[ExportView], str | None]:
            found = tx.exports.page(scope.unit, before=before, limit=PAGE)
            named = {item_id for export in found for item_id in export.items}
            may = seen_among(tx, self._authority, agent, named, now)
            following = found[-1].id if len(found) == PAGE else None
            return _views(tx, [export for export in found if may.issuperset(export.items)]), following

        views, following = await self._catalogue.read(look)
        await self._shown(agent, [view.export.id for view in views], now)
        return views, following

    async def export(self, agent: Agent, export_id: str) -> ExportView:
        """One export; on record. Raises Denied."""
        now = self._clock.now()

        def look(tx: Transaction) -> ExportView:
            export, _ = self._find(tx, agent, export_id, now)
            return _views(tx, [export])[0]

        view = await self._catalogue.read(look)
        await self._shown(agent, [export_id], now)
        return view

    async def seal(self, agent: Agent, export_id: str) -> dict[str, Json]:
        """What is signed over the export, with the proof that it is in the log; on record.

        Raises Denied, Conflict("export-not-ready").
        """
        now = self._clock.now()
        export, _ = await self._catalogue.read(lambda tx: self._find(tx, agent, export_id, now))
        made = _made(export)
        found = await self._proofs.of_event(made.event_id)
        lists = await self._catalogue.read(lambda tx: tx.revocation.around(made.lists, made.at))
        await self._shown(agent, [export_id], now)
        key, event = found or (None, None)
        return {
            "v": "custos/export-seal-file/1",
            "statement": made.statement,
            "token": None if made.token is None else base64.b64encode(made.token).decode(),
            "authority": made.authority,
            "self_asserted": None
            if made.self_asserted is None
            else base64.b64encode(made.self_asserted).decode(),
            "policy": made.policy,
            "revocation": [
                {"kind": one.kind, "data": base64.b64encode(await self._list(one)).decode()} for one in lists
            ],
            "key": key,
            "leaf": None if event is None else event.leaf.decode(),
            "proof": None if event is None else event.proof,
        }

    async def archive(self, agent: Agent, export_id: str) -> Archive:
        """The archive of an export that is made; raises Denied, Conflict("export-not-ready"), Conflict."""
        now = self._clock.now()
        export, items = await self._catalogue.read(lambda tx: self._find(tx, agent, export_id, now))
        made = _made(export)
        planned = self._plans.pop(export.id, None) or await self._planned(made.keys[1])
        self._plans[export.id] = planned
        while sum(len(plan.files) for plan, _ in self._plans.values()) > _FILES_REMEMBERED:
            self._plans.popitem(last=False)
        plan, layout = planned
        return Archive(export, plan, layout, items[0], tuple(items[1:]))

    async def enter(self, agent: Agent, archive: Archive, wanted: ByteRange) -> OpenViewing:
        """A viewing of the archive's bytes, on record of every item in it."""
        return await self._desk.enter(
            agent, archive.first_item, archive.export.id, wanted, wanted, archive.export.wanted.reason,
            archive.items,
        )  # fmt: skip

    async def still_allowed(self, agent: Agent, archive: Archive) -> None:
        """Ask again in the middle of a long transfer; raises Denied, Conflict."""
        now = self._clock.now()
        export, _ = await self._catalogue.read(lambda tx: self._find(tx, agent, archive.export.id, now))
        _made(export)

    @asynccontextmanager
    async def opened(
        self, key: str, version: str = "", span: tuple[int, int] | None = None
    ) -> AsyncIterator[BinaryIO]:
        """What lies in the store under that key; raises Unavailable where that is gone."""
        try:
            async with self._store.open(key, version=version, span=span) as file:
                yield file
        except NotStored as error:
            raise Unavailable(
                "not-stored", "Something that belongs to this export is not in the store; look at the alarms."
            ) from error

    async def discard_outdated(self) -> int:
        """Remove the files of exports that were kept long enough; how many. Repeatable."""
        now = self._clock.now()
        outdated = await self._catalogue.read(lambda tx: tx.exports.outdated(now - KEPT, PAGE))
        for export in outdated:
            assert export.made is not None
            for key in export.made.keys:
                await self._store.discard_rendition(key)
            await self._catalogue.write(partial(_discarded, export=export, now=now))
        return len(outdated)

    async def _list(self, kept: KeptList) -> bytes:
        async with self.opened(f"log/{kept.path}") as file:
            return await asyncio.to_thread(file.read)

    async def _planned(self, key: str) -> tuple[Plan, ZipLayout]:
        async with self.opened(key) as file:
            plan = Plan.decode(await asyncio.to_thread(file.read))
        entries = [ZipEntry(one.path, one.size, one.crc32) for one in plan.files]
        return plan, await asyncio.to_thread(lay_out, entries, plan.at)

    def _find(
        self, tx: Transaction, agent: Agent, export_id: str, now: datetime
    ) -> tuple[Export, Sequence[str]]:
        """An export all of whose items the agent may export still, and which of those are there."""
        export = tx.exports.get(export_id) if is_id(export_id) else None
        if export is None:
            raise Denied
        there = [
            item.id
            for item in tx.items.several(export.items)
            if item.disposed_at is None or item.disposed_at > export.asked_at
        ]
        allowed_items(tx, self._authority, agent, Action.EXPORT, there, now, export.wanted.reason)
        return export, there

    async def _queued(self, put: _Put) -> ExportView:
        view, waiting = await self._catalogue.write(put)
        await self._doorbell.ring(waiting)
        return view

    async def _shown(self, agent: Agent, export_ids: Sequence[str], now: datetime) -> None:
        subjects = tuple(Subject("export", export_id) for export_id in export_ids)
        await self._catalogue.record(EventDraft(EventType.EXPORT_SHOWN, agent.id, now, subjects))


def _checked(wanted: Wanted) -> Wanted:
    """Raises Invalid("reason-needed"), Invalid("bad-renditions")."""
    return replace(
        wanted, reason=checked_reason(wanted.reason), renditions=checked_renditions(wanted.renditions)
    )


def _with_something(tx: Transaction, item_ids: Sequence[str]) -> Sequence[str]:
    """These items; none of them where all were disposed of: there is nothing to take away then."""
    there = any(item.disposed_at is None for item in tx.items.several(item_ids))
    return item_ids if there else ()


def _put(
    tx: Transaction,
    agent: Agent,
    unit: str,
    matter: Matter,
    subject_id: str,
    item_ids: Sequence[str],
    wanted: Wanted,
    now: datetime,
) -> tuple[ExportView, list[Job]]:
    export_id, event_id = new_id(now), new_id(now)
    export = Export(export_id, unit, matter, subject_id, wanted, agent.id, now, event_id, tuple(item_ids))
    for draft in asked_events(export):
        tx.events.append(draft)
    tx.exports.add(export)
    job = tx.jobs.get(tx.jobs.add(Stage.EXPORT, export_id, unit, now))
    return ExportView(export, agent.name, job), list(tx.jobs.to_ring(now, RINGS))


def _views(tx: Transaction, exports: Sequence[Export]) -> list[ExportView]:
    names = tx.agents.names(sorted({export.agent_id for export in exports}))
    jobs = {job.subject: job for job in tx.jobs.of_subjects([export.id for export in exports])}
    return [ExportView(export, names.get(export.agent_id), jobs.get(export.id)) for export in exports]


def _made(export: Export) -> MadeExport:
    """What was made and is there still; raises Conflict."""
    if export.gone_at is not None:
        raise Conflict(
            "export-gone",
            "The files of this export are gone: it was kept long enough, or something in it was disposed of. "
            "Ask for a new one.",
        )
    if export.made is None:
        raise Conflict("export-not-ready", "This export is still being made; its job says how far it is.")
    return export.made


def _discarded(tx: Transaction, export: Export, now: datetime) -> None:
    tx.exports.gone(export.id, now)
    subjects = (Subject("export", export.id),)
    tx.events.append(EventDraft(EventType.EXPORT_DISCARDED, None, now, subjects))
