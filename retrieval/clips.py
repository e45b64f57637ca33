"""Asking for a clip: a stretch of one or several segments in a file of its own, and who may read it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from evidence.agents import Action, Agent, Restriction
from evidence.allowed import allowed_item, allowed_items, allowed_recording, seen_among
from evidence.canonical import Json
from evidence.cases import checked_reason
from evidence.clips import Clip, Source, checked_sources, clip_kind
from evidence.errors import Denied, Invalid
from evidence.events import EventDraft, EventType, Subject
from evidence.ids import is_id, new_id
from evidence.items import Item, Rendition
from evidence.jobs import RINGS, Job, Stage
from evidence.ports.authority import Authority
from evidence.ports.catalogue import Catalogue, Transaction
from evidence.ports.clock import Clock
from evidence.ports.doorbell import Doorbell
from evidence.spans import checked_span, on_line, on_segments
from retrieval.reading import Content


@dataclass(frozen=True, slots=True)
class ClipView:
    """A clip, the work on it, and what was made of it once it is."""

    clip: Clip
    name: str | None
    job: Job | None
    rendition: Rendition | None


class Clips:
    """The use cases of clips."""

    def __init__(self, catalogue: Catalogue, authority: Authority, clock: Clock, doorbell: Doorbell) -> None:
        self._catalogue = catalogue
        self._authority = authority
        self._clock = clock
        self._doorbell = doorbell

    async def of_item(
        self, agent: Agent, item_id: str, from_ms: int, to_ms: int, reason: str, purpose: str | None
    ) -> ClipView:
        """Queue a clip of a stretch of an item's own time, on record; durable on return.

        Raises Denied, PurposeNeeded, Invalid("not-playable"), Invalid("outside"), Invalid("bad-clip").
        """
        reason, now = checked_reason(reason), self._clock.now()

        def sources(tx: Transaction) -> Sequence[Source]:
            item = allowed_item(tx, self._authority, agent, Action.PLAY, item_id, now, purpose)
            return [Source(checked_span(item, from_ms, to_ms), from_ms)]

        return await self._queued(lambda tx: _put(tx, agent, sources(tx), reason, purpose, now))

    async def of_recording(
        self, agent: Agent, recording_id: str, from_ms: int, to_ms: int, reason: str, purpose: str | None
    ) -> ClipView:
        """The same of a stretch of a recording's time, over several segments where it has joints.

        Raises as for an item, Invalid("in-a-hole"), Invalid("other-tracks") where a player could not go on.
        """
        reason, now = checked_reason(reason), self._clock.now()

        def sources(tx: Transaction) -> Sequence[Source]:
            line, _ = allowed_recording(tx, self._authority, agent, Action.PLAY, recording_id, now, purpose)
            spans = on_segments(line, from_ms, to_ms)
            at_ms = on_line(line, spans)
            return [Source(span, at_ms[span]) for span in spans]

        return await self._queued(lambda tx: _put(tx, agent, sources(tx), reason, purpose, now))

    async def clip(self, agent: Agent, clip_id: str) -> ClipView:
        """A clip of which the agent may see every source; on record. Raises Denied."""
        now = self._clock.now()

        def look(tx: Transaction) -> ClipView:
            clip = _find(tx, clip_id)
            allowed_items(tx, self._authority, agent, Action.SEE_ITEM, clip.items, now)
            return _views(tx, [clip])[0]

        view = await self._catalogue.read(look)
        await self._record(agent, view.clip.items, now)
        return view

    async def on_item(self, agent: Agent, item_id: str) -> Sequence[ClipView]:
        """Every clip that shows something of an item, and of which the agent may see every source.

        Oldest first; on record. Raises Denied.
        """
        now = self._clock.now()

        def look(tx: Transaction) -> Sequence[ClipView]:
            allowed_item(tx, self._authority, agent, Action.SEE_ITEM, item_id, now)
            return self._seen(tx, agent, [item_id], now)

        views = await self._catalogue.read(look)
        await self._record(agent, [item_id], now)
        return views

    async def on_recording(self, agent: Agent, recording_id: str) -> Sequence[ClipView]:
        """The same of all segments of a recording; raises Denied."""
        now = self._clock.now()

        def look(tx: Transaction) -> tuple[Sequence[str], Sequence[ClipView]]:
            _, items = allowed_recording(tx, self._authority, agent, Action.SEE_ITEM, recording_id, now)
            return list(items), self._seen(tx, agent, list(items), now)

        items, views = await self._catalogue.read(look)
        await self._record(agent, items, now)
        return views

    async def content(self, agent: Agent, clip_id: str, purpose: str | None) -> Content:
        """A clip's bytes, for whoever may play every source; raises Denied, PurposeNeeded."""
        now = self._clock.now()

        def look(tx: Transaction) -> Content:
            clip = _find(tx, clip_id)
            items = allowed_items(tx, self._authority, agent, Action.PLAY, clip.items, now, purpose)
            made = tx.items.rendition(clip.item_id, clip_kind(clip.id))
            if made is None:
                raise Denied
            said = purpose or _stated(tx, agent, items, now)
            return Content(
                items[0], made.id, made.key, made.media_type, made.size, made.sha256, made, said, clip.items
            )

        return await self._catalogue.read(look)

    async def _queued(self, put: Callable[[Transaction], tuple[ClipView, list[Job]]]) -> ClipView:
        view, waiting = await self._catalogue.write(put)
        await self._doorbell.ring(waiting)
        return view

    def _seen(
        self, tx: Transaction, agent: Agent, item_ids: Sequence[str], now: datetime
    ) -> Sequence[ClipView]:
        clips = tx.clips.on(item_ids)
        shown = {one for clip in clips for one in clip.items}
        seen = seen_among(tx, self._authority, agent, shown, now)
        return _views(tx, [clip for clip in clips if seen.issuperset(clip.items)])

    async def _record(self, agent: Agent, items: Sequence[str], now: datetime) -> None:
        subjects = tuple(Subject("item", item_id) for item_id in items)
        await self._catalogue.record(
            EventDraft(EventType.LIST_SHOWN, agent.id, now, subjects, detail={"of": "clips"})
        )


def _put(
    tx: Transaction,
    agent: Agent,
    sources: Sequence[Source],
    reason: str,
    purpose: str | None,
    now: datetime,
) -> tuple[ClipView, list[Job]]:
    clip = Clip(new_id(now), agent.id, reason, checked_sources(sources), now)
    copies = tx.items.renditions_of_kinds(clip.items, ["playable"])
    if len(copies) < len(clip.items):
        raise Invalid("not-playable", "Not all of it can be played, so there is nothing to cut from.")
    if len({copy.layout.get("video") for copy in copies.values()}) > 1:
        raise Invalid("other-tracks", "Some of it is sound alone; take a clip of that by itself.")
    tx.clips.add(clip)
    told: list[Json] = [
        {
            "item": source.span.item_id,
            "from_ms": source.span.from_ms,
            "to_ms": source.span.to_ms,
            "at_ms": source.at_ms,
        }
        for source in clip.sources
    ]
    items = tx.items.several(clip.items)
    said = purpose or _stated(tx, agent, items, now)
    detail: dict[str, Json] = {"sources": told, "reason": reason, "purpose": said}
    subjects = (Subject("clip", clip.id), *(Subject("item", item_id) for item_id in clip.items))
    tx.events.append(EventDraft(EventType.CLIP_ASKED, agent.id, now, subjects, detail=detail))
    job = tx.jobs.get(tx.jobs.add(Stage.CLIP, clip.id, items[0].unit, now))
    return ClipView(clip, agent.name, job, None), list(tx.jobs.to_ring(now, RINGS))


def _find(tx: Transaction, clip_id: str) -> Clip:
    clip = tx.clips.get(clip_id) if is_id(clip_id) else None
    if clip is None:
        raise Denied
    return clip


def _stated(tx: Transaction, agent: Agent, items: Sequence[Item], now: datetime) -> str | None:
    """What was stated before of what is restricted among the sources."""
    closed = [item.id for item in items if item.restriction is not Restriction.NONE]
    resources = tx.access.items(closed, agent.id, now)
    said = dict.fromkeys(one.purpose for one in resources.values() if one.purpose)
    return "; ".join(said) or None


def _views(tx: Transaction, clips: Sequence[Clip]) -> list[ClipView]:
    names = tx.agents.names(sorted({clip.agent_id for clip in clips}))
    jobs = {job.subject: job for job in tx.jobs.of_subjects([clip.id for clip in clips])}
    kinds = [clip_kind(clip.id) for clip in clips]
    made = tx.items.renditions_of_kinds([clip.item_id for clip in clips], kinds)
    return [
        ClipView(
            clip,
            names.get(clip.agent_id),
            jobs.get(clip.id),
            made.get((clip.item_id, clip_kind(clip.id))),
        )
        for clip in clips
    ]
