"""The stages that make a recording playable: in one go, or in parts that many workers make.

A long recording's job plans the parts, queues a job for each and waits. The last part that is made queues it
again, and it joins them. What a part cannot is made in one go. Every step is a row before it is work, so
that a killed worker costs the part that it was at and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from evidence.canonical import Json
from evidence.errors import StageFailed
from evidence.ids import derived_id
from evidence.items import Item, Rendition
from evidence.jobs import Job, Stage
from evidence.parts import ALL_MADE, SOUND, Part, is_settled, progress
from evidence.ports.catalogue import Transaction
from evidence.ports.media import Made, Progress
from evidence.ports.work import Lease
from transcode.making import decided
from transcode.routes import track_kind
from transcode.stages import MakingStage, RenditionStage, description_of, item_of, made_event


class PlayableStage(RenditionStage):
    """The playable copy, and what the same decode gives."""

    async def run(self, lease: Lease) -> None:
        """Make it, or have it made in parts and wait for them."""
        item = await item_of(lease, lease.job.subject)
        parts = await lease.read(lambda tx: tx.parts.of_item(item.id))
        planned = await self._planned(lease, item) if not parts else ()
        if planned or not is_settled(parts):
            await lease.wait(lambda tx: self._hand_on(tx, item, planned))
        else:
            await super().run(lease)

    async def _planned(self, lease: Lease, item: Item) -> Sequence[Part]:
        description = await description_of(lease, item)
        async with self._store.local_path(item.key, version=item.version) as original:
            planned = await self._tools.plan_parts(original, description)
        return [
            Part(
                derived_id(lease.job.id, f"part {one.number}"),
                item.id,
                one.number,
                one.begins_us,
                one.ends_us,
                one.how,
            )
            for one in planned
        ]

    def _hand_on(self, tx: Transaction, item: Item, planned: Sequence[Part]) -> None:
        now = self._clock.now()
        tx.parts.plan(planned)
        for place, part in enumerate(planned):
            # In the order of time: what is watched first is made first.
            tx.jobs.add(Stage.PART, part.id, item.unit, now + timedelta(milliseconds=place))
        if planned:
            tx.jobs.add(Stage.PREVIEW, item.id, item.unit, now)
        go_on(tx, item.id, now)

    async def _make(
        self, lease: Lease, item: Item, original: Path, description: Mapping[str, Json], workdir: Path
    ) -> Sequence[Made]:
        parts = await lease.read(lambda tx: tx.parts.of_item(item.id))
        if parts and all(part.made_at for part in parts):
            try:
                return [await self._joined(lease, item, original, description, parts, workdir)]
            except StageFailed as error:
                if error.code != "parts-differ":
                    raise
        return await self._tools.make_playable(original, description, workdir, lease.progress)

    async def _joined(
        self,
        lease: Lease,
        item: Item,
        original: Path,
        description: Mapping[str, Json],
        parts: Sequence[Part],
        workdir: Path,
    ) -> Made:
        kinds = [part.kind for part in parts if part.number != SOUND]
        found = await lease.read(lambda tx: [tx.items.rendition(item.id, kind) for kind in kinds])
        renditions = [rendition for rendition in found if rendition is not None]
        async with AsyncExitStack() as held:
            paths = [
                await held.enter_async_context(self._store.local_path(rendition.key))
                for rendition in renditions
            ]
            made = await self._tools.join_parts(
                original, paths, description, workdir, _last_stretch(lease.progress)
            )
        joined: list[Json] = [{"rendition": one.id, "sha256": one.sha256} for one in renditions]
        return replace(made, provenance={**made.provenance, "joined": joined})

    def _follow(
        self,
        tx: Transaction,
        lease: Lease,
        item: Item,
        description: Mapping[str, Json],
        made: Sequence[Rendition],
    ) -> None:
        now = self._clock.now()
        kinds = {rendition.kind for rendition in made}
        decision = decided(description, None)
        tx.jobs.add(Stage.PROVE, item.id, item.unit, now, again=True)
        if not kinds.issuperset(track_kind(track.index) for track in decision.tracks):
            tx.jobs.add(Stage.TRACKS, item.id, item.unit, now, again=True)
        if decision.decodes_all and "analysis" not in kinds:
            tx.jobs.add(Stage.PREVIEW, item.id, item.unit, now)


class PartStage(RenditionStage):
    """One part of a long recording."""

    async def run(self, lease: Lease) -> None:
        """Make it, unless the recording is made in one go by now."""
        part = await self._part(lease)
        if await lease.read(lambda tx: _is_wanted(tx, part.item_id)):
            await super().run(lease)
        else:
            await lease.finish(lambda _: None)

    async def _make(
        self, lease: Lease, item: Item, original: Path, description: Mapping[str, Json], workdir: Path
    ) -> Sequence[Made]:
        part = await self._part(lease)
        return [
            await self._tools.make_part(original, description, part.number, part.how, workdir, lease.progress)
        ]

    async def _item_id(self, lease: Lease) -> str:
        return (await self._part(lease)).item_id

    async def _part(self, lease: Lease) -> Part:
        part = await lease.read(lambda tx: tx.parts.get(lease.job.subject))
        if part is None:
            raise StageFailed("no-part", "The part of this job is not in the catalogue.", final=True)
        return part

    def _follow(
        self,
        tx: Transaction,
        lease: Lease,
        item: Item,
        description: Mapping[str, Json],
        made: Sequence[Rendition],
    ) -> None:
        now = self._clock.now()
        tx.parts.made(lease.job.subject, now)
        go_on(tx, item.id, now)

    def given_up(self, tx: Transaction, job: Job, reason: str) -> None:
        """`evidence.ports.work.GivesUp`: the recording is made in one go instead."""
        part = tx.parts.get(job.subject)
        if part is not None:
            tx.parts.give_up(part.id, reason)
            go_on(tx, part.item_id, self._clock.now())


class TracksStage(MakingStage):
    """Further tracks that did not come out beside the playable copy, each by itself."""

    async def run(self, lease: Lease) -> None:
        """Make what is missing; raises StageFailed, final, if one of them cannot be made."""
        item = await item_of(lease, lease.job.subject)
        description = await description_of(lease, item)
        have = {one.kind for one in await lease.read(lambda tx: tx.items.renditions(item.id))}
        missing = [
            track.index for track in decided(description, None).tracks if track_kind(track.index) not in have
        ]
        failed: dict[int, StageFailed] = {}
        for number in missing:
            try:
                await self._track(lease, item, description, number)
            except StageFailed as error:
                if not error.final:
                    raise
                failed[number] = error
        if failed:
            first = next(iter(failed.values()))
            raise StageFailed(
                "track-not-made",
                f"Stream {', '.join(map(str, failed))} cannot be chosen in the player: {first.message}",
                final=True,
            )
        await lease.finish(lambda _: None)

    async def _track(self, lease: Lease, item: Item, description: Mapping[str, Json], number: int) -> None:
        async with self._workdir() as workdir:
            async with self._store.local_path(item.key, version=item.version) as original:
                made = await self._tools.make_track(original, description, number, workdir, lease.progress)
            rendition = await self._stored(lease, item, made)

        def note(tx: Transaction) -> None:
            tx.items.put_rendition(rendition)
            tx.events.append(made_event(item, rendition))

        await lease.write(note)


def go_on(tx: Transaction, item_id: str, now: datetime) -> None:
    """Tell how far the parts are; when nothing is left to wait for, queue the job that waits for them."""
    parts = tx.parts.of_item(item_id)
    tx.jobs.tell(Stage.PLAYABLE, item_id, progress(parts), now)
    if is_settled(parts):
        tx.jobs.resume(Stage.PLAYABLE, item_id, now)


def _is_wanted(tx: Transaction, item_id: str) -> bool:
    """Whether the item's parts are still to be made: not if it is whole, or made in one go instead."""
    given_up = any(part.given_up is not None for part in tx.parts.of_item(item_id))
    return not given_up and tx.items.rendition(item_id, "playable") is None


def _last_stretch(told: Progress) -> Progress:
    """Joining is the last of the way."""

    def on_progress(permille: int) -> None:
        told(ALL_MADE + permille * (1000 - ALL_MADE) // 1000)

    return on_progress
