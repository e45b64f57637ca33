"""Fixity audits as a whole: what is due is queued, some ahead; what somebody asks for comes first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from evidence.errors import Conflict
from evidence.events import EventDraft, EventType, Subject
from evidence.fixity import AHEAD, Tally
from evidence.jobs import JobState, Stage
from evidence.ports.catalogue import Catalogue, Transaction
from evidence.ports.clock import Clock


class Audits:
    """The use case of the schedule. `every` None: only what is asked for is audited."""

    def __init__(
        self, catalogue: Catalogue, clock: Clock, every: timedelta | None, bytes_per_second: int
    ) -> None:
        self._catalogue = catalogue
        self._clock = clock
        self.every = every
        self.bytes_per_second = bytes_per_second

    async def plan(self) -> None:
        """Queue what is due, as many as may be ahead; repeatable, durable on return."""
        now = self._clock.now()

        def due(tx: Transaction) -> bool:
            return tx.fixity.at_work() < AHEAD and bool(tx.fixity.due(now, self.every, 1))

        # Almost always there is nothing to do: that is found out without a transaction that writes.
        if await self._catalogue.read(due):
            await self._catalogue.write(lambda tx: self._queue(tx, now))

    def _queue(self, tx: Transaction, now: datetime) -> None:
        for audit in tx.fixity.due(now, self.every, max(AHEAD - tx.fixity.at_work(), 0)):
            item = tx.items.get(audit.item_id)
            assert item is not None
            job = tx.jobs.get(tx.jobs.add(Stage.FIXITY, item.id, item.unit, now, again=True))
            if job is not None and job.state is JobState.FAILED:
                tx.jobs.retry(job.id, now)

    async def ask(self, item_ids: Sequence[str], agent_id: str | None) -> int:
        """Have these audited now, on record; how many they are. Durable on return.

        Raises Conflict("not-kept") if one of them is not there or was disposed of: then none is asked for.
        """
        now = self._clock.now()

        def ask(tx: Transaction) -> int:
            found = tx.fixity.ask(item_ids, now)
            if missing := set(item_ids) - set(found):
                raise Conflict("not-kept", f"No such item is kept: {', '.join(sorted(missing))}.")
            subjects = tuple(Subject("item", one) for one in found)
            tx.events.append(EventDraft(EventType.AUDIT_ASKED, agent_id, now, subjects))
            return len(found)

        return await self._catalogue.write(ask)

    async def ask_all(self, agent_id: str | None) -> int:
        """Begin a whole round now, on record; how many items it has. Durable on return."""
        now = self._clock.now()

        def ask(tx: Transaction) -> int:
            count = tx.fixity.ask_all(now)
            tx.events.append(EventDraft(EventType.AUDIT_ASKED, agent_id, now, detail={"items": count}))
            return count

        return await self._catalogue.write(ask)

    async def tally(self) -> Tally:
        """How the audits stand; reads every row."""
        now = self._clock.now()
        return await self._catalogue.read(lambda tx: tx.fixity.tally(now, self.every))

    async def counts(self) -> tuple[int, int]:
        """How many items are due and how many are failing."""
        now = self._clock.now()
        return await self._catalogue.read(lambda tx: tx.fixity.counts(now, self.every))
