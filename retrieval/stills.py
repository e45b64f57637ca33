"""Asking for a still: the exact frame of the original that is on screen at a time."""

from __future__ import annotations

from dataclasses import dataclass

from evidence.agents import Action, Agent
from evidence.allowed import allowed_item
from evidence.errors import Invalid
from evidence.events import EventDraft, EventType, Subject
from evidence.ids import derived_id
from evidence.items import Still
from evidence.jobs import RINGS, Job, Stage
from evidence.ports.authority import Authority
from evidence.ports.catalogue import Catalogue, Transaction
from evidence.ports.clock import Clock
from evidence.ports.doorbell import Doorbell

#: Longer than anything that can be played.
_LAST_US = 100 * 86_400 * 1_000_000


@dataclass(frozen=True, slots=True)
class AskedStill:
    """A still and the work on it; `made` once it can be fetched."""

    still: Still
    job: Job
    made: bool


class Stills:
    """The use case behind "take a still"."""

    def __init__(self, catalogue: Catalogue, authority: Authority, clock: Clock, doorbell: Doorbell) -> None:
        self._catalogue = catalogue
        self._authority = authority
        self._clock = clock
        self._doorbell = doorbell

    async def ask(self, agent: Agent, item_id: str, shown_us: int) -> AskedStill:
        """Queue the still at `shown_us` of the playable copy, on record; asking again gives the same one.

        Durable on return. Raises Denied, and Invalid("not-playable") where nothing is shown yet.
        """
        if not 0 <= shown_us <= _LAST_US:
            raise Invalid("bad-time", "A still is taken at a time of the recording, in microseconds.")
        now = self._clock.now()

        def queue(tx: Transaction) -> tuple[AskedStill, list[Job]]:
            item = allowed_item(tx, self._authority, agent, Action.PLAY, item_id, now)
            if tx.items.rendition(item_id, "playable") is None:
                raise Invalid("not-playable", "This item cannot be played, so there is no frame to choose.")
            still = Still(derived_id(item_id, f"still {shown_us}"), item_id, agent.id, shown_us, now)
            tx.items.add_still(still)
            tx.events.append(
                EventDraft(
                    EventType.STILL_ASKED,
                    agent.id,
                    now,
                    (Subject("item", item_id), Subject("still", still.id)),
                    detail={"shown_us": shown_us},
                )
            )
            job = tx.jobs.get(tx.jobs.add(Stage.STILL, still.id, item.unit, now))
            assert job is not None
            made = tx.items.rendition(item_id, f"still-{shown_us}") is not None
            return AskedStill(still, job, made), list(tx.jobs.to_ring(now, RINGS))

        asked, waiting = await self._catalogue.write(queue)
        await self._doorbell.ring(waiting)
        return asked
