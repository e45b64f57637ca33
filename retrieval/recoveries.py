"""Asking that a recording without its index be read with what another one of the same camera says."""

from __future__ import annotations

from evidence.agents import Action, Agent
from evidence.allowed import allowed_item
from evidence.errors import Invalid
from evidence.events import EventDraft, EventType, Subject
from evidence.ids import derived_id
from evidence.items import Recovery
from evidence.jobs import RINGS, Job, JobState, Stage
from evidence.ports.authority import Authority
from evidence.ports.catalogue import Catalogue, Transaction
from evidence.ports.clock import Clock
from evidence.ports.doorbell import Doorbell


class Recoveries:
    """The use case behind "recover with a sibling"."""

    def __init__(self, catalogue: Catalogue, authority: Authority, clock: Clock, doorbell: Doorbell) -> None:
        self._catalogue = catalogue
        self._authority = authority
        self._clock = clock
        self._doorbell = doorbell

    async def ask(self, agent: Agent, item_id: str, sibling_id: str) -> Job:
        """Queue the recovery of `item_id` with `sibling_id`, on record; the agent may play both.

        Asked again after it failed, it is tried again. Durable on return. Raises Denied, and
        Invalid("playable") where nothing has to be recovered.
        """
        now = self._clock.now()

        def queue(tx: Transaction) -> tuple[Job, list[Job]]:
            item, sibling = (
                allowed_item(tx, self._authority, agent, Action.PLAY, one, now)
                for one in (item_id, sibling_id)
            )
            if item.id == sibling.id or tx.items.rendition(item.id, "playable") is not None:
                raise Invalid(
                    "playable", "Choose a recording that cannot be played, and another one that can be."
                )
            recovery = Recovery(
                derived_id(item.id, f"recovery {sibling.id}"), item.id, sibling.id, agent.id, now
            )
            tx.items.add_recovery(recovery)
            tx.events.append(
                EventDraft(
                    EventType.RECOVERY_ASKED,
                    agent.id,
                    now,
                    (
                        Subject("item", item.id),
                        Subject("item", sibling.id),
                        Subject("recovery", recovery.id),
                    ),
                    detail={"item": item.id, "sibling": sibling.id},
                )
            )
            job = tx.jobs.get(tx.jobs.add(Stage.RECOVER, recovery.id, item.unit, now))
            assert job is not None
            if job.state is JobState.FAILED:
                tx.jobs.retry(job.id, now)
            return job, list(tx.jobs.to_ring(now, RINGS))

        job, waiting = await self._catalogue.write(queue)
        await self._doorbell.ring(waiting)
        return job
