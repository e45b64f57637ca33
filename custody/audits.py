"""Fixity audits as a whole: what is due is queued, some ahead; what somebody asks for comes first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from evidence.alarms import raise_alarm
from evidence.errors import Conflict
from evidence.events import EventDraft, EventType, Subject
from evidence.fixity import AHEAD, IN_A_ROW, STOPPED, STOPPED_SAYS, Audit, Tally, looks_unmounted
from evidence.jobs import JobState, Stage
from evidence.log_audits import Round, ask_log_audit, round_of
from evidence.ports.catalogue import Alarm, Catalogue, Transaction
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
        """Queue what is due, as many as may be ahead; repeatable, durable on return.

        Where one item after the other is missing, an alarm takes the place of all but what somebody asks for:
        what is wrong then is not the items, and what is said of them is said for ever.
        """
        now = self._clock.now()
        # Almost always there is nothing to do: that is found out without a transaction that writes.
        if await self._catalogue.read(lambda tx: self._has_work(tx, now)):
            await self._catalogue.write(lambda tx: self._queue(tx, now))

    def _has_work(self, tx: Transaction, now: datetime) -> bool:
        told = any((one.kind, one.subject) == STOPPED for one in tx.oversight.alarms())
        if told != _stands_still(tx):
            return True
        return tx.fixity.at_work() < AHEAD and bool(self._next(tx, now, 1))

    def _next(self, tx: Transaction, now: datetime, limit: int) -> Sequence[Audit]:
        due = tx.fixity.due(now, self.every, limit)
        return [one for one in due if one.asked_at is not None] if _stands_still(tx) else due

    def _queue(self, tx: Transaction, now: datetime) -> None:
        if _stands_still(tx):
            raise_alarm(tx, Alarm(*STOPPED, STOPPED_SAYS, now))
        else:
            tx.oversight.clear_alarm(*STOPPED, now)
        for audit in self._next(tx, now, max(AHEAD - tx.fixity.at_work(), 0)):
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
        """Begin a whole round now, on record, that of the log with it; how many items it has.

        Durable on return.
        """
        now = self._clock.now()

        def ask(tx: Transaction) -> int:
            count = tx.fixity.ask_all(now)
            tx.events.append(EventDraft(EventType.AUDIT_ASKED, agent_id, now, detail={"items": count}))
            ask_log_audit(tx, agent_id, now)
            return count

        return await self._catalogue.write(ask)

    async def ask_log(self, agent_id: str | None) -> None:
        """Have the log read again everywhere now, on record; durable on return."""
        now = self._clock.now()
        await self._catalogue.write(lambda tx: ask_log_audit(tx, agent_id, now))

    async def log_rounds(self, names: Sequence[str]) -> Mapping[str, Round | None]:
        """How far the stores of these names are with reading the log again; None before the first look."""
        return await self._catalogue.read(lambda tx: {name: round_of(tx, name) for name in names})

    async def tally(self) -> Tally:
        """How the audits stand; reads every row."""
        now = self._clock.now()
        return await self._catalogue.read(lambda tx: tx.fixity.tally(now, self.every))

    async def counts(self) -> tuple[int, int]:
        """How many items are due and how many are failing."""
        now = self._clock.now()
        return await self._catalogue.read(lambda tx: tx.fixity.counts(now, self.every))


def _stands_still(tx: Transaction) -> bool:
    return looks_unmounted(tx.fixity.latest(IN_A_ROW))
