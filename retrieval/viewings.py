"""Viewings: permission on record before the first byte, what left on record after the last.

A viewing names agent, item, content, purpose and the most it permits: a byte range, for at most five
minutes. Requests inside a live viewing need no new opening event, but each is authorised again. Its
closing event lists the bytes that the kernel accepted; what the client then read is not knowable. A
viewing left open by a crash is closed by the sweep as `unknown`: the permitted maximum stands.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from evidence.agents import Agent
from evidence.canonical import Json
from evidence.clips import clip_kind
from evidence.errors import Disposed, EventNotWritten, Unavailable
from evidence.events import EventDraft, EventType, Outcome, Subject
from evidence.ids import new_id
from evidence.items import Viewing
from evidence.ports.catalogue import Catalogue, Transaction
from evidence.ports.clock import Clock
from evidence.ranges import ByteRange, merge, total
from evidence.timekeeping import is_live, to_text

LONGEST = timedelta(minutes=5)
#: A player that plays asks every few seconds; after this long without a request it has stopped.
IDLE = timedelta(minutes=1)


@dataclass(slots=True)
class OpenViewing:
    """A viewing and what has been sent under it so far, in this process."""

    viewing: Viewing
    #: Other items that the content shows something of.
    also: tuple[str, ...] = ()
    sent: list[ByteRange] = field(default_factory=list)
    users: int = 0
    left_at: datetime | None = None

    def note(self, start: int, end: int) -> None:
        """The kernel accepted bytes [start, end)."""
        if self.sent and self.sent[-1][1] == start:
            self.sent[-1] = (self.sent[-1][0], end)
        elif start < end:
            self.sent.append((start, end))
            if len(self.sent) > 256:
                self.sent = merge(self.sent)


class ViewingDesk:
    """Every viewing that this process has open."""

    def __init__(self, catalogue: Catalogue, clock: Clock) -> None:
        self._catalogue = catalogue
        self._clock = clock
        self._open: dict[tuple[str, str, str], OpenViewing] = {}
        self._opening: dict[tuple[str, str, str], asyncio.Lock] = {}

    async def enter(
        self,
        agent: Agent,
        item_id: str,
        content: str,
        wanted: ByteRange,
        permitted: ByteRange,
        purpose: str | None,
        also: tuple[str, ...] = (),
    ) -> OpenViewing:
        """A live viewing that covers `wanted`; a new one permits `permitted`. Pair with `leave`.

        It is on record of the item, and of what else the content shows something of (`also`).

        On return the opening event is durable. Raises EventNotWritten, and Disposed where the item went
        between the question whether it may be seen and this.
        """
        key = (agent.id, item_id, content)
        lock = self._opening.setdefault(key, asyncio.Lock())
        try:
            async with lock:
                found = self._open.get(key)
                if found is None or not self._covers(found, wanted, purpose):
                    found = await self._begin(agent, item_id, content, permitted, purpose, also)
                    replaced = self._open.get(key)
                    self._open[key] = found
                    if replaced is not None and not replaced.users:
                        await self._close(replaced)
                found.users += 1
                return found
        finally:
            if not lock.locked():
                self._opening.pop(key, None)

    async def leave(self, entered: OpenViewing, *, done: bool) -> None:
        """A request has ended. `done`: no other is expected, so close now rather than at the end."""
        entered.users -= 1
        entered.left_at = self._clock.now()
        viewing = entered.viewing
        key = (viewing.agent_id, viewing.item_id, viewing.content)
        replaced = self._open.get(key) is not entered
        if entered.users == 0 and (done or replaced):
            if not replaced:
                del self._open[key]
            await self._close(entered)

    def is_live(self, entered: OpenViewing) -> bool:
        """Whether bytes may still leave under it."""
        return is_live(entered.viewing.expires_at, self._clock.now(), LONGEST)

    async def close_ended(self, *, everything: bool = False) -> int:
        """Close the viewings that have ended, or that nobody has used for a minute; how many."""
        ended = [
            (key, found)
            for key, found in self._open.items()
            if everything or (not found.users and not (self.is_live(found) and self._is_used(found)))
        ]
        for key, found in ended:
            del self._open[key]
            await self._close(found)
        return len(ended)

    async def close_abandoned(self) -> int:
        """Close as `unknown` what other processes left open when they died; how many."""
        now = self._clock.now()
        own = self._catalogue.emitter
        abandoned = await self._catalogue.read(lambda tx: tx.viewings.abandoned(own, now, LONGEST))
        for viewing in abandoned:
            await self._catalogue.write(partial(self._put_unknown, viewing=viewing))
        return len(abandoned)

    def _is_used(self, found: OpenViewing) -> bool:
        return found.left_at is None or is_live(found.left_at + IDLE, self._clock.now(), IDLE)

    def _covers(self, found: OpenViewing, wanted: ByteRange, purpose: str | None) -> bool:
        first, last = found.viewing.permitted
        return (
            first <= wanted[0]
            and wanted[1] <= last
            and found.viewing.purpose == purpose
            and self.is_live(found)
        )

    async def _begin(
        self,
        agent: Agent,
        item_id: str,
        content: str,
        permitted: ByteRange,
        purpose: str | None,
        also: tuple[str, ...],
    ) -> OpenViewing:
        now = self._clock.now()
        viewing = Viewing(
            new_id(now),
            agent.id,
            item_id,
            content,
            permitted,
            purpose,
            now,
            now + LONGEST,
            self._catalogue.emitter,
        )

        def put(tx: Transaction) -> None:
            item = tx.items.get(item_id)
            if item is not None and item.disposed_at is not None:
                raise Disposed(to_text(item.disposed_at), item.disposed_in or "")
            tx.viewings.open(viewing)
            tx.events.append(
                EventDraft(
                    EventType.VIEWING_OPENED,
                    agent.id,
                    now,
                    _subjects(viewing, also),
                    detail={
                        "content": content,
                        "from": permitted[0],
                        "to": permitted[1],
                        "purpose": purpose,
                        "seconds": int(LONGEST.total_seconds()),
                    },
                )
            )

        try:
            await self._catalogue.write(put)
        except Unavailable as error:
            raise EventNotWritten from error
        return OpenViewing(viewing, also)

    async def _close(self, found: OpenViewing) -> None:
        sent = merge(found.sent)
        await self._catalogue.write(
            partial(self._put_closed, viewing=found.viewing, also=found.also, sent=sent)
        )

    def _put_unknown(self, tx: Transaction, viewing: Viewing) -> None:
        exported = tx.exports.get(viewing.content)
        if exported is not None:
            self._put_closed(tx, viewing, exported.items, None)
            return
        clips = tx.clips.on([viewing.item_id])
        made = {clip_kind(clip.id): clip.items for clip in clips if clip.item_id == viewing.item_id}
        copies = tx.items.renditions_of_kinds([viewing.item_id], list(made)) if made else {}
        also = [made[kind] for (_, kind), copy in copies.items() if copy.id == viewing.content]
        self._put_closed(tx, viewing, also[0] if also else (), None)

    def _put_closed(
        self, tx: Transaction, viewing: Viewing, also: tuple[str, ...], sent: Sequence[ByteRange] | None
    ) -> None:
        now = self._clock.now()
        if not tx.viewings.close(viewing.id, now, sent):
            return
        detail: dict[str, Json] = {"content": viewing.content}
        if sent is not None:
            detail |= {"bytes": total(sent), "ranges": [list(piece) for piece in sent]}
        tx.events.append(
            EventDraft(
                EventType.VIEWING_CLOSED,
                viewing.agent_id,
                now,
                _subjects(viewing, also),
                Outcome.UNKNOWN if sent is None else Outcome.SUCCESS,
                detail=detail,
            )
        )


def _subjects(viewing: Viewing, also: tuple[str, ...]) -> tuple[Subject, ...]:
    items = dict.fromkeys((viewing.item_id, *also))
    return (*(Subject("item", item_id) for item_id in items), Subject("viewing", viewing.id))
