"""Playback sessions: what a player says that it showed, beside what the server knows that it sent.

A session is over the segments that the recording has when it is opened. What is told is the player's word,
bounded by what each item is long, and kept as a union; closing puts it on record once, whoever closes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from evidence.agents import Action, Agent
from evidence.allowed import allowed_item, allowed_items, allowed_recording
from evidence.canonical import Json
from evidence.errors import Conflict, Denied, Invalid
from evidence.events import EventDraft, EventType, Subject
from evidence.ids import is_id, new_id
from evidence.items import Item
from evidence.ports.authority import Authority
from evidence.ports.catalogue import Catalogue, Transaction
from evidence.ports.clock import Clock
from evidence.ports.playbacks import Playback
from evidence.ranges import ByteRange, total
from evidence.spans import Span, length_of
from evidence.watched import Coverage, added, by_item, share, together

_Look: TypeAlias = Callable[[Transaction], tuple[Sequence[Item], "Sequence[WatchedBy]"]]
#: A player tells every few seconds; after this long without a word it has gone.
IDLE = timedelta(minutes=10)
#: A clock that is set back by more than this makes what is open look as if it were touched in the future.
_AHEAD = timedelta(minutes=1)
_CLOSED_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Opened:
    """A session, and its items in the order in which they are played."""

    playback: Playback
    items: Sequence[Item]
    #: Where each lies on the recording's time, milliseconds; of a single item there is nothing to say.
    at_ms: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class WatchedItem:
    """What one person watched of one item; `sent_permille`: how much of its playable copy left for them."""

    coverage: Coverage
    sent_permille: int | None


@dataclass(frozen=True, slots=True)
class WatchedBy:
    """What one person watched of what was asked for."""

    agent_id: str
    name: str | None
    items: Sequence[WatchedItem]
    covered_ms: int
    length_ms: int
    last_at: datetime | None

    @property
    def permille(self) -> int:
        """The share of the whole."""
        return share(self.covered_ms, self.length_ms)


class Playbacks:
    """The use cases of playback sessions."""

    def __init__(self, catalogue: Catalogue, authority: Authority, clock: Clock) -> None:
        self._catalogue = catalogue
        self._authority = authority
        self._clock = clock

    async def open(
        self, agent: Agent, item_id: str | None, recording_id: str | None, purpose: str | None
    ) -> Opened:
        """A session over an item, or over all segments of a recording, on record; durable on return.

        Raises Denied, PurposeNeeded, Invalid("one-of-both"), Invalid("no-length").
        """
        if (item_id is None) == (recording_id is None):
            raise Invalid("one-of-both", "Name either an item or a recording.")
        now = self._clock.now()

        def put(tx: Transaction) -> Opened:
            at_ms: dict[str, int] = {}
            if recording_id is None:
                assert item_id is not None
                items = [allowed_item(tx, self._authority, agent, Action.PLAY, item_id, now, purpose)]
            else:
                line, found = allowed_recording(
                    tx, self._authority, agent, Action.PLAY, recording_id, now, purpose
                )
                items = [found[one.segment.item_id] for one in line.placed]
                at_ms = {one.segment.item_id: one.offset_us // 1000 for one in line.placed}
            playable = [item for item in items if length_of(item) is not None]
            if not playable:
                raise Invalid("no-length", "Nothing of this has a length that was measured.")
            empty: dict[str, Sequence[ByteRange]] = {item.id: () for item in playable}
            playback = Playback(new_id(now), agent.id, purpose, now, now, empty)
            tx.playbacks.open(playback)
            detail: dict[str, Json] = {"purpose": purpose}
            tx.events.append(
                EventDraft(EventType.PLAYBACK_OPENED, agent.id, now, _subjects(playback), detail=detail)
            )
            return Opened(playback, playable, at_ms)

        return await self._catalogue.write(put)

    async def tell(self, agent: Agent, playback_id: str, spans: Sequence[Span]) -> Sequence[Coverage]:
        """Add what the player says that it showed; what the session has of those items then.

        May be repeated; durable on return. Raises Denied, also for somebody else's, PurposeNeeded,
        Conflict("playback-closed"), Invalid("not-in-session"), Invalid("outside").
        """
        now = self._clock.now()
        told = by_item(spans)

        def put(tx: Transaction) -> Sequence[Coverage]:
            playback = self._own(tx, agent, playback_id)
            if playback.closed_at is not None:
                raise Conflict("playback-closed", "This session is closed; open another one.")
            if not told.keys() <= playback.watched.keys():
                raise Invalid("not-in-session", "The session is about other items.")
            items = allowed_items(tx, self._authority, agent, Action.PLAY, list(told), now, playback.purpose)
            found = [_coverage(item, playback.watched[item.id], told[item.id]) for item in items]
            tx.playbacks.tell(playback.id, {one.item_id: one.ranges for one in found}, now)
            return found

        return await self._catalogue.write(put)

    async def close(self, agent: Agent, playback_id: str) -> None:
        """Close one's own session, with what was watched on record; nothing happens if it was already.

        Raises Denied, also for somebody else's.
        """
        now = self._clock.now()
        await self._catalogue.write(lambda tx: _close(tx, self._own(tx, agent, playback_id), now, "player"))

    async def close_idle(self) -> int:
        """Close what nobody has told anything of for ten minutes; how many. Repeatable."""
        now = self._clock.now()

        def put(tx: Transaction) -> int:
            left = tx.playbacks.idle(now - IDLE, now + _AHEAD, _CLOSED_AT_ONCE)
            for playback in left:
                _close(tx, playback, now, "sweep")
            return len(left)

        done = 0
        while await self._catalogue.read(lambda tx: tx.playbacks.idle(now - IDLE, now + _AHEAD, 1)) and (
            found := await self._catalogue.write(put)
        ):
            done += found
        return done

    async def of_item(self, agent: Agent, item_id: str) -> Sequence[WatchedBy]:
        """What each person has watched of an item, by their player's word; on record. Raises Denied."""
        now = self._clock.now()

        def look(tx: Transaction) -> tuple[Sequence[Item], Sequence[WatchedBy]]:
            items = [allowed_item(tx, self._authority, agent, Action.SEE_HISTORY, item_id, now)]
            return items, _watched(tx, items)

        return await self._shown(agent, look, now)

    async def of_recording(self, agent: Agent, recording_id: str) -> Sequence[WatchedBy]:
        """The same of a recording, with the share of all its segments. Raises Denied."""
        now = self._clock.now()

        def look(tx: Transaction) -> tuple[Sequence[Item], Sequence[WatchedBy]]:
            line, found = allowed_recording(tx, self._authority, agent, Action.SEE_HISTORY, recording_id, now)
            items = [found[one.segment.item_id] for one in line.placed]
            return items, _watched(tx, items)

        return await self._shown(agent, look, now)

    async def _shown(self, agent: Agent, look: _Look, now: datetime) -> Sequence[WatchedBy]:
        items, found = await self._catalogue.read(look)
        subjects = tuple(Subject("item", item.id) for item in items)
        await self._catalogue.record(EventDraft(EventType.WATCHED_SHOWN, agent.id, now, subjects))
        return found

    def _own(self, tx: Transaction, agent: Agent, playback_id: str) -> Playback:
        playback = tx.playbacks.get(playback_id) if is_id(playback_id) else None
        if playback is None or playback.agent_id != agent.id:
            raise Denied
        return playback


def _coverage(item: Item, known: Sequence[ByteRange], more: Sequence[ByteRange]) -> Coverage:
    length = length_of(item) or 0
    if any(not 0 <= begins < ends <= length for begins, ends in more):
        raise Invalid("outside", f"What was shown lies within 0 and {length} ms, and is not nothing.")
    return Coverage(item.id, added(known, more, length), length)


def _close(tx: Transaction, playback: Playback, now: datetime, by: str) -> None:
    if not tx.playbacks.close(playback.id, now):
        return
    items = tx.items.several(list(playback.watched))
    told: list[Json] = [
        Coverage(item.id, tuple(playback.watched[item.id]), length_of(item) or 0).told()
        for item in items
        if playback.watched[item.id]
    ]
    detail: dict[str, Json] = {
        "watched": told,
        "said_by": "player",
        "closed_by": by,
        "purpose": playback.purpose,
    }
    tx.events.append(
        EventDraft(EventType.PLAYBACK_CLOSED, playback.agent_id, now, _subjects(playback), detail=detail)
    )


def _subjects(playback: Playback) -> tuple[Subject, ...]:
    items = (Subject("item", item_id) for item_id in playback.watched)
    return (Subject("playback", playback.id), *items)


def _watched(tx: Transaction, items: Sequence[Item]) -> Sequence[WatchedBy]:
    """By person, who watched most first; whoever was sent something and whose player told nothing as well."""
    item_ids = [item.id for item in items]
    played = [item for item in items if length_of(item) is not None]
    copies = tx.items.renditions_of_kinds(item_ids, ["playable"])
    told = tx.playbacks.told(item_ids)
    sent: dict[tuple[str, str], list[ByteRange]] = {}
    for one in tx.playbacks.delivered(item_ids):
        copy = copies.get((one.item_id, "playable"))
        if copy is not None and copy.id == one.content:
            sent.setdefault((one.agent_id, one.item_id), []).extend(one.ranges)
    ranges: dict[tuple[str, str], list[ByteRange]] = {}
    last: dict[str, datetime] = {}
    for session in told:
        ranges.setdefault((session.agent_id, session.item_id), []).extend(session.ranges)
        last[session.agent_id] = max(session.touched_at, last.get(session.agent_id, session.touched_at))
    people = sorted({agent_id for agent_id, _ in (*ranges, *sent)})
    names = tx.agents.names(people)

    def of(agent_id: str) -> WatchedBy:
        found = []
        for item in played:
            length = length_of(item) or 0
            known = Coverage(item.id, added((), ranges.get((agent_id, item.id), ()), length), length)
            copy = copies.get((item.id, "playable"))
            left = None if copy is None else share(total(sent.get((agent_id, item.id), ())), copy.size)
            found.append(WatchedItem(known, left))
        covered, length = together(one.coverage for one in found)
        return WatchedBy(agent_id, names.get(agent_id), found, covered, length, last.get(agent_id))

    return sorted(map(of, people), key=lambda one: (-one.covered_ms, one.agent_id))
