"""The stages that describe an item and make it playable, over the `MediaTools` port.

Renditions are unlocked and can be made again: each attempt works in a directory of its own, and the row
that names the finished file is written last.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from evidence.canonical import Json, canonical
from evidence.errors import StageFailed
from evidence.events import EventDraft, EventType, Subject
from evidence.ids import derived_id
from evidence.items import Item, Recovery, Rendition, Still
from evidence.jobs import Stage
from evidence.joining import join
from evidence.keys import rendition_key
from evidence.ports.catalogue import Transaction
from evidence.ports.clock import Clock
from evidence.ports.media import Description, Made, MediaTools
from evidence.ports.objects import ObjectStore
from evidence.ports.work import Lease
from evidence.projection import refresh
from evidence.ruling import link_described
from transcode.making import decided
from transcode.routes import PLAYABLE_ROUTES
from transcode.segments import segment_of

#: Documents of which no page can be drawn here.
_UNDRAWN = frozenset({"application/ofd"})


async def item_of(lease: Lease, item_id: str) -> Item:
    """The item; raises StageFailed, final, if the catalogue does not know it."""
    item = await lease.read(lambda tx: tx.items.get(item_id))
    if item is None:
        raise StageFailed("no-item", "The item of this job is not in the catalogue.", final=True)
    return item


async def description_of(lease: Lease, item: Item) -> Mapping[str, Json]:
    """What was found out about the item; raises StageFailed while that is nothing."""
    description = await lease.read(lambda tx: tx.items.description(item.id))
    if description is None:
        raise StageFailed("not-described", "The item has not been described yet.")
    return description


class DescribeStage:
    """`evidence.ports.work.StageWork`: what the tools say of an item, and what follows from it."""

    def __init__(
        self, store: ObjectStore, tools: MediaTools, clock: Clock, zone: timedelta = timedelta(hours=8)
    ) -> None:
        """`zone`: how far from UTC clocks are read that do not say."""
        self._store = store
        self._tools = tools
        self._clock = clock
        self._zone = zone

    async def run(self, lease: Lease) -> None:
        """Describe the item, find its recording and queue what its route asks for."""
        item = await item_of(lease, lease.job.subject)
        async with self._store.local_path(item.key, version=item.version) as original:
            description = await self._tools.describe(original, item.media_type, item.submission.filename)
        follow_on = stages_after(description, item.media_type)
        found = description.as_json()
        digest = hashlib.sha256(canonical(found)).hexdigest()
        segment = segment_of(item, found)
        now = self._clock.now()

        def complete(tx: Transaction) -> None:
            tx.items.set_description(item.id, found, description.summary())
            tx.events.append(
                EventDraft(
                    EventType.ITEM_DESCRIBED,
                    None,
                    now,
                    (Subject("item", item.id),),
                    digests={"sha256": item.sha256},
                    detail={
                        "description_sha256": digest,
                        "route": description.route,
                        "warnings": list(description.warnings),
                    },
                )
            )
            if segment is not None:
                join(tx, segment, now)
            link_described(tx, item, self._zone, now)
            for stage in follow_on:
                tx.jobs.add(stage, item.id, item.unit, now)
            refresh(tx, item.id)

        await lease.finish(complete)


def stages_after(description: Description, media_type: str) -> tuple[Stage, ...]:
    """What a description asks for: what is decoded to be played gives its previews by the way."""
    if description.route == "none":
        return (Stage.PREVIEW,) if media_type not in _UNDRAWN else ()
    if description.route not in PLAYABLE_ROUTES:
        return ()
    decision = decided(description.as_json(), None)
    previews = () if decision.decodes_all else (Stage.PREVIEW,)
    return (Stage.PLAYABLE, *previews, Stage.FINGERPRINT)


class MakingStage:
    """What stages need that make renditions: a place to make them in, and the store to put them into."""

    def __init__(self, store: ObjectStore, tools: MediaTools, clock: Clock, work: Path) -> None:
        self._store = store
        self._tools = tools
        self._clock = clock
        self._work = work

    async def _stored(self, lease: Lease, item: Item, made: Made) -> Rendition:
        size, sha256 = await asyncio.to_thread(_measure, made.path)
        # Derived from the job: an attempt that was killed leaves its file where the next one writes.
        rendition_id = derived_id(lease.job.id, made.kind)
        key = rendition_key(item.id, rendition_id, made.path.name)
        await self._store.put_rendition(key, made.path)
        return Rendition(
            rendition_id,
            item.id,
            made.kind,
            key,
            made.media_type,
            size,
            sha256,
            self._clock.now(),
            made.provenance,
            made.layout,
        )

    @asynccontextmanager
    async def _workdir(self) -> AsyncIterator[Path]:
        path = Path(await asyncio.to_thread(tempfile.mkdtemp, dir=self._work))
        try:
            yield path
        finally:
            await asyncio.to_thread(shutil.rmtree, path)


class RenditionStage(MakingStage, ABC):
    """`evidence.ports.work.StageWork` for what makes renditions together; each kind of work says how."""

    async def run(self, lease: Lease) -> None:
        """Make the renditions, store them, put them on record together."""
        item = await item_of(lease, await self._item_id(lease))
        description = await description_of(lease, item)
        async with self._workdir() as workdir:
            async with self._store.local_path(item.key, version=item.version) as original:
                made = await self._make(lease, item, original, description, workdir)
            renditions = [await self._stored(lease, item, one) for one in made]

        def complete(tx: Transaction) -> None:
            for rendition in renditions:
                tx.items.put_rendition(rendition)
                tx.events.append(made_event(item, rendition))
            self._follow(tx, lease, item, description, renditions)

        await lease.finish(complete)

    @abstractmethod
    async def _make(
        self, lease: Lease, item: Item, original: Path, description: Mapping[str, Json], workdir: Path
    ) -> Sequence[Made]:
        """Make them in `workdir`."""

    async def _item_id(self, lease: Lease) -> str:
        """Whose renditions they are."""
        return lease.job.subject

    def _follow(
        self,
        tx: Transaction,
        lease: Lease,
        item: Item,
        description: Mapping[str, Json],
        made: Sequence[Rendition],
    ) -> None:
        """In the transaction that puts them on record: what else follows."""


class PreviewStage(RenditionStage):
    """What helps to find the way in an item."""

    async def _make(
        self, lease: Lease, item: Item, original: Path, description: Mapping[str, Json], workdir: Path
    ) -> Sequence[Made]:
        return await self._tools.make_previews(original, description, workdir, lease.progress)


class ProveStage(RenditionStage):
    """What the playable copy shows of its original."""

    async def _make(
        self, lease: Lease, item: Item, original: Path, description: Mapping[str, Json], workdir: Path
    ) -> Sequence[Made]:
        playable = await lease.read(lambda tx: tx.items.rendition(item.id, "playable"))
        if playable is None:
            raise StageFailed("not-playable", "There is no playable copy to compare with.", final=True)
        async with self._store.local_path(playable.key) as shown:
            made = await self._tools.prove(original, shown, description, workdir, lease.progress)
        about: dict[str, Json] = {"item_sha256": item.sha256, "shown_sha256": playable.sha256}
        return [replace(made, provenance={**made.provenance, **about})]


class StillStage(RenditionStage):
    """A frame that somebody asked for."""

    async def _make(
        self, lease: Lease, item: Item, original: Path, description: Mapping[str, Json], workdir: Path
    ) -> Sequence[Made]:
        still = await self._still(lease)
        presented = await lease.read(lambda tx: tx.items.rendition(item.id, "presentation"))
        if presented is None:
            raise StageFailed("not-proven", "What is shown of this recording is not proven yet; try again.")
        async with self._store.open(presented.key) as file:
            presentation = json.loads(await asyncio.to_thread(file.read))
        made = await self._tools.make_still(original, description, presentation, still.shown_us, workdir)
        return [replace(made, provenance={**made.provenance, "item_sha256": item.sha256})]

    async def _item_id(self, lease: Lease) -> str:
        return (await self._still(lease)).item_id

    async def _still(self, lease: Lease) -> Still:
        still = await lease.read(lambda tx: tx.items.still(lease.job.subject))
        if still is None:
            raise StageFailed("no-still", "The still of this job is not in the catalogue.", final=True)
        return still


class RecoverStage(RenditionStage):
    """A recording without its index, read with what another one of the same camera says."""

    async def _make(
        self, lease: Lease, item: Item, original: Path, description: Mapping[str, Json], workdir: Path
    ) -> Sequence[Made]:
        sibling = await item_of(lease, (await self._recovery(lease)).sibling_id)
        async with self._store.local_path(sibling.key, version=sibling.version) as whole:
            made = await self._tools.recover(original, whole, workdir, lease.progress)
        about: dict[str, Json] = {"item_sha256": item.sha256, "sibling": sibling.id}
        return [replace(made, provenance={**made.provenance, **about})]

    async def _item_id(self, lease: Lease) -> str:
        return (await self._recovery(lease)).item_id

    async def _recovery(self, lease: Lease) -> Recovery:
        recovery = await lease.read(lambda tx: tx.items.recovery(lease.job.subject))
        if recovery is None:
            raise StageFailed("no-recovery", "The recovery of this job is not in the catalogue.", final=True)
        return recovery


def made_event(item: Item, rendition: Rendition) -> EventDraft:
    """What goes on record when a rendition of the item was made."""
    return EventDraft(
        EventType.RENDITION_MADE,
        None,
        rendition.made_at,
        (Subject("item", item.id),),
        digests={"sha256": rendition.sha256, "source_sha256": item.sha256},
        detail={
            "rendition": rendition.id,
            "kind": rendition.kind,
            "size": rendition.size,
            "provenance": rendition.provenance,
        },
    )


def _measure(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return path.stat().st_size, digest
