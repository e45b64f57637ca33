"""The stage that makes a clip of one or several items."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace

from evidence.canonical import Json
from evidence.clips import Clip, apart_ms, clip_kind
from evidence.errors import StageFailed
from evidence.events import Subject
from evidence.items import Item, Rendition
from evidence.ports.catalogue import Transaction
from evidence.ports.media import ClipSource, Made
from evidence.ports.objects import NotStored
from evidence.ports.work import Lease
from transcode.stages import MakingStage, description_of, item_of, made_event


class ClipStage(MakingStage):
    """`evidence.ports.work.StageWork`: a rendition of the first source's item that cites every source."""

    async def run(self, lease: Lease) -> None:
        """Make the clip, store it, put it on record of every item that it shows."""
        clip = await lease.read(lambda tx: tx.clips.get(lease.job.subject))
        if clip is None:
            raise StageFailed("no-clip", "The clip of this job is not in the catalogue.", final=True)
        items = {item_id: await item_of(lease, item_id) for item_id in clip.items}
        try:
            async with self._workdir() as workdir, AsyncExitStack() as stack:
                known = {item.id: await self._known(lease, item) for item in items.values()}
                originals = {
                    item.id: await stack.enter_async_context(
                        self._store.local_path(item.key, version=item.version)
                    )
                    for item in items.values()
                }
                sources = [
                    ClipSource(originals[span.item_id], *known[span.item_id], span.from_ms, span.to_ms)
                    for span in (source.span for source in clip.sources)
                ]
                made = await self._tools.make_clip(sources, workdir, lease.progress)
                rendition = await self._stored(lease, items[clip.item_id], _cited(clip, items, made))
        except NotStored as error:
            raise StageFailed(
                "source-gone", "An original that it shows is no longer there.", final=True
            ) from error

        def complete(tx: Transaction) -> None:
            tx.items.put_rendition(rendition)
            about = made_event(items[clip.item_id], rendition)
            also = (Subject("clip", clip.id), *(Subject("item", item_id) for item_id in clip.items))
            tx.events.append(replace(about, subjects=also))

        await lease.finish(complete)

    async def _known(self, lease: Lease, item: Item) -> tuple[Mapping[str, Json], Mapping[str, Json]]:
        """Its description and its presentation; raises StageFailed while it has none."""
        description = await description_of(lease, item)

        def look(tx: Transaction) -> Rendition | None:
            return tx.items.rendition(item.id, "presentation")

        presented = await lease.read(look)
        if presented is None:
            raise StageFailed("not-proven", "What is shown of this recording is not proven yet; try again.")
        async with self._store.open(presented.key) as file:
            presentation = json.loads(await asyncio.to_thread(file.read))
        return description, presentation


def _cited(clip: Clip, items: Mapping[str, Item], made: Made) -> Made:
    """The clip under its own name, with the items and digests behind each source."""
    told = made.layout["sources"]
    assert isinstance(told, list)
    sources: list[Json] = []
    for source, said in zip(clip.sources, told, strict=True):
        assert isinstance(said, Mapping)
        span = source.span
        cited: dict[str, Json] = {
            "item": span.item_id,
            "sha256": items[span.item_id].sha256,
            "from_ms": span.from_ms,
            "to_ms": span.to_ms,
        }
        sources.append({**cited, **said})
    layout: dict[str, Json] = {**made.layout, "sources": sources, "apart_ms": list(apart_ms(clip.sources))}
    about: dict[str, Json] = {**made.provenance, "clip": clip.id, "sources": sources}
    return replace(made, kind=clip_kind(clip.id), layout=layout, provenance=about)
