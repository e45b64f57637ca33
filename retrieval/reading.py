"""What people may see of items: lists, one item, its history, progress. Each showing is one event."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, BinaryIO

from evidence.access import Viewer
from evidence.agents import Action, Agent, Restriction
from evidence.allowed import allowed_item, allowed_items
from evidence.cases import Case, Link
from evidence.clips import is_clip
from evidence.errors import Denied
from evidence.events import EventDraft, EventType, Subject
from evidence.fixity import Audit, due_at
from evidence.items import Item, Rendition
from evidence.jobs import ASIDE, Job, JobState
from evidence.parts import SOUND, Part, part_kind, playable_parts
from evidence.ports.authority import Authority
from evidence.ports.catalogue import Catalogue, HistoryEntry, JobChange, Transaction
from evidence.ports.clock import Clock
from evidence.ports.objects import NotStored, ObjectStore
from evidence.ranges import ByteRange
from retrieval.viewings import OpenViewing, ViewingDesk

PAGE = 50
_HISTORY = 1000


@dataclass(frozen=True, slots=True)
class ItemView:
    """One item with what was made of it and what is still being made."""

    item: Item
    renditions: Sequence[Rendition]
    jobs: Sequence[Job]
    names: Mapping[str, str]
    description: Mapping[str, Any] | None = None
    parts: Sequence[Part] = ()
    #: Live links, each with its case, as far as the viewer may see that.
    links: Sequence[tuple[Link, Case]] = ()
    #: How its audits stand, and when the next is due; None where nothing is kept of it, or nothing is due.
    audit: Audit | None = None
    audit_due: datetime | None = None


@dataclass(frozen=True, slots=True)
class Growing:
    """What is made by now of a recording in parts.

    `until_us` is how far the picture can be played; None once no more will come.
    """

    picture: Sequence[Rendition]
    sound: Rendition | None
    until_us: int | None


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One event with its detail and the name behind its agent."""

    event: Mapping[str, Any]
    detail: Mapping[str, Any] | None
    agent_name: str | None


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes that may be asked for: an original or a rendition."""

    item: Item
    name: str
    key: str
    media_type: str
    size: int
    sha256: str
    rendition: Rendition | None
    #: What the agent says that they look for, or stated before.
    purpose: str | None
    #: What else it shows something of: a clip is for whoever may play all of it.
    sources: tuple[str, ...] = ()

    @property
    def version(self) -> str:
        """Which bytes under the key: what was recorded of an original; a rendition has none."""
        return self.item.version if self.rendition is None else ""


class Reading:
    """The use cases behind every GET."""

    def __init__(
        self,
        catalogue: Catalogue,
        store: ObjectStore,
        authority: Authority,
        clock: Clock,
        desk: ViewingDesk,
        audited_every: timedelta | None = None,
    ) -> None:
        """`audited_every`: how often everything that is kept is read again; None where that is off."""
        self._catalogue = catalogue
        self._store = store
        self._authority = authority
        self._clock = clock
        self.desk = desk
        self._audited_every = audited_every

    async def items(self, agent: Agent, before: str | None, *, mine: bool = False) -> Sequence[ItemView]:
        """A page of at most 50 items, newest first, with `mine` only what is the agent's own.

        One event names every item shown.
        """
        scope = self._authority.scope(agent, Action.LIST_ITEMS)
        if scope is None:
            raise Denied
        viewer = Viewer.of(agent, scope, self._clock.now())
        page = await self._catalogue.read(
            lambda tx: views_of(
                tx,
                tx.items.page(viewer, before=before, limit=PAGE, owner=agent.id if mine else None),
            )
        )
        await self._record(agent, EventType.LIST_SHOWN, [view.item.id for view in page], {"of": "items"})
        return page

    async def item(self, agent: Agent, item_id: str) -> ItemView:
        """One item; raises Denied whether it may not be seen or is not there."""
        now = self._clock.now()
        scope = self._authority.scope(agent, Action.SEE_CASE)

        def look(tx: Transaction) -> ItemView:
            item = allowed_item(tx, self._authority, agent, Action.SEE_ITEM, item_id, now)
            links = () if scope is None else _links(tx, Viewer.of(agent, scope, now), item_id)
            audit = tx.fixity.get(item_id)
            return replace(
                views_of(tx, [item])[0],
                description=tx.items.description(item_id),
                links=links,
                audit=audit,
                audit_due=None if audit is None else due_at(audit, self._audited_every),
            )

        view = await self._catalogue.read(look)
        await self._record(agent, EventType.ITEM_SHOWN, [item_id], {})
        return view

    async def history(self, agent: Agent, item_id: str) -> Sequence[HistoryLine]:
        """The item's events, oldest first, the latest thousand; itself an event."""
        await self._find(agent, item_id, Action.SEE_HISTORY)
        await self._record(agent, EventType.HISTORY_SHOWN, [item_id], {})

        def lines(tx: Transaction) -> Sequence[HistoryLine]:
            entries = tx.events.history(item_id, _HISTORY)
            parsed = [json.loads(entry.data) for entry in entries]
            names = tx.agents.names(sorted({event["agent"] for event in parsed if event["agent"]}))
            return [_line(entry, event, names) for entry, event in zip(entries, parsed, strict=True)]

        return await self._catalogue.read(lines)

    async def content(self, agent: Agent, item_id: str, name: str, purpose: str | None) -> Content:
        """What `name` ("original" or a rendition's kind) of the item is; raises Denied, PurposeNeeded."""
        action = Action.READ_ORIGINAL if name == "original" else Action.PLAY
        now = self._clock.now()

        def look(tx: Transaction) -> Content:
            item = allowed_item(tx, self._authority, agent, action, item_id, now, purpose)
            said = purpose
            if said is None and item.restriction is not Restriction.NONE:
                resource = tx.access.item(item.id, agent.id, now)
                said = None if resource is None else resource.purpose
            if name == "original":
                return Content(item, name, item.key, item.media_type, item.size, item.sha256, None, said)
            rendition = tx.items.rendition(item_id, name)
            if rendition is None:
                raise Denied
            return Content(
                item,
                rendition.id,
                rendition.key,
                rendition.media_type,
                rendition.size,
                rendition.sha256,
                rendition,
                said,
            )

        return await self._catalogue.read(look)

    async def growing(self, agent: Agent, item_id: str, purpose: str | None) -> Growing:
        """What can be played of a recording that is still being made; raises Denied, also while nothing can.

        It stays until the parts are discarded, for whoever is at it when the recording is joined.
        """
        item = await self._find(agent, item_id, Action.PLAY, purpose)

        def look(tx: Transaction) -> Growing:
            parts = tx.parts.of_item(item.id)
            ready = playable_parts(parts)
            made = {one.kind: one for one in tx.items.renditions(item.id)}
            kinds = [part.kind for part in ready]
            sound = part_kind(SOUND)
            if not kinds or not made.keys() >= set(kinds):
                raise Denied
            complete = "playable" in made or all(part.made_at for part in parts)
            until_us = None if complete else ready[-1].ends_us
            return Growing([made[kind] for kind in kinds], made.get(sound), until_us)

        return await self._catalogue.read(look)

    @asynccontextmanager
    async def opened(self, content: Content, span: tuple[int, int]) -> AsyncIterator[BinaryIO]:
        """The bytes, of which `span` will be read.

        Raises Denied where the store has lost them, which the read-back raises an alarm for.
        """
        try:
            async with self._store.open(content.key, version=content.version, span=span) as file:
                yield file
        except NotStored as error:
            raise Denied from error

    async def enter(self, agent: Agent, content: Content, wanted: ByteRange) -> OpenViewing:
        """A viewing of these bytes, on record. Playback permits the rendition, an original what is asked."""
        permitted = wanted if content.rendition is None else (0, content.size)
        return await self.desk.enter(
            agent, content.item.id, content.name, wanted, permitted, content.purpose, content.sources
        )

    async def still_allowed(self, agent: Agent, content: Content) -> None:
        """Ask again in the middle of a long transfer; raises Denied, PurposeNeeded."""
        action = Action.READ_ORIGINAL if content.rendition is None else Action.PLAY
        wanted, now = content.sources or (content.item.id,), self._clock.now()
        await self._catalogue.read(
            lambda tx: allowed_items(tx, self._authority, agent, action, wanted, now, content.purpose)
        )

    async def begin_progress(self, agent: Agent) -> None:
        """Put on record that the agent watches its unit's progress; raises Denied."""
        if self._authority.scope(agent, Action.SEE_JOBS) is None:
            raise Denied
        await self._record(agent, EventType.PROGRESS_SHOWN, [], {})

    async def progress(self, agent: Agent, after: int) -> tuple[int, Sequence[JobChange]]:
        """Changes after `after` that the agent may see, and the number to ask from next."""
        scope = self._authority.scope(agent, Action.SEE_JOBS)
        if scope is None:
            raise Denied
        changes, hidden = await self._catalogue.read(lambda tx: _changes(tx, after, agent.id))
        last = changes[-1].seq if changes else after
        shown = [change for change in changes if scope.unit in (None, change.unit)]
        return last, [change for change in shown if change.subject not in hidden]

    async def last_change(self) -> int:
        """Where a listener that asks for nothing earlier begins."""
        return await self._catalogue.read(lambda tx: tx.jobs.last_change())

    async def jobs(self, agent: Agent, state: JobState | None) -> Sequence[Job]:
        """The latest jobs that the agent may see."""
        scope = self._authority.scope(agent, Action.SEE_JOBS)
        if scope is None:
            raise Denied
        found, hidden = await self._catalogue.read(lambda tx: _listed(tx, state, agent.id))
        shown = [job for job in found if scope.unit in (None, job.unit) and job.subject not in hidden]
        await self._record(agent, EventType.PROGRESS_SHOWN, [], {})
        return shown

    async def _find(self, agent: Agent, item_id: str, action: Action, purpose: str | None = None) -> Item:
        now = self._clock.now()
        return await self._catalogue.read(
            lambda tx: allowed_item(tx, self._authority, agent, action, item_id, now, purpose)
        )

    async def _record(
        self, agent: Agent, kind: EventType, items: Sequence[str], detail: Mapping[str, Any]
    ) -> None:
        await self._catalogue.record(
            EventDraft(
                kind,
                agent.id,
                self._clock.now(),
                tuple(Subject("item", item) for item in items),
                detail=detail,
            )
        )


def _changes(tx: Transaction, after: int, agent_id: str) -> tuple[Sequence[JobChange], frozenset[str]]:
    changes = tx.jobs.changes(after, 500)
    return changes, tx.access.hidden({change.subject for change in changes}, agent_id)


def _listed(tx: Transaction, state: JobState | None, agent_id: str) -> tuple[Sequence[Job], frozenset[str]]:
    found = tx.jobs.listed(state, 500)
    return found, tx.access.hidden({job.subject for job in found}, agent_id)


def _links(tx: Transaction, viewer: Viewer, item_id: str) -> Sequence[tuple[Link, Case]]:
    live = [made for made in tx.links.of_items([item_id]).get(item_id, ()) if made.withdrawn_at is None]
    seen = tx.cases.seen_by(viewer, {made.case_id for made in live})
    return [(made, seen[made.case_id]) for made in live if made.case_id in seen]


def views_of(tx: Transaction, items: Sequence[Item]) -> list[ItemView]:
    jobs: dict[str, list[Job]] = {}
    for job in tx.jobs.of_subjects([item.id for item in items]):
        if job.stage in ASIDE:
            continue
        jobs.setdefault(job.subject, []).append(job)
    names = tx.agents.names(sorted({item.agent_id for item in items}))
    parts = tx.parts.of_items([item.id for item in items])
    renditions = tx.items.renditions_of([item.id for item in items])
    return [
        ItemView(
            item,
            # A clip may show others' recordings as well: it is listed where all its sources are judged.
            [one for one in renditions.get(item.id, ()) if not is_clip(one.kind)],
            jobs.get(item.id, []),
            names,
            parts=parts.get(item.id, ()),
        )
        for item in items
    ]


def _line(entry: HistoryEntry, event: dict[str, Any], names: Mapping[str, str]) -> HistoryLine:
    detail = None if entry.detail is None else json.loads(entry.detail)
    agent = event["agent"]
    return HistoryLine(event, detail, None if agent is None else names.get(agent))
