"""What happens by itself: rows that nobody answered are rung for again, what was left open is closed.

Every step may run twice and in several processes at once.
"""

from __future__ import annotations

import logging

from custos.work import JobRunner
from evidence.alarms import raise_alarm
from evidence.errors import CustosError
from evidence.ports.catalogue import Alarm, Catalogue, Transaction
from evidence.ports.clock import Clock
from evidence.retention import EXTEND_WITHIN
from ingest.uploads import Uploads
from retrieval.viewings import ViewingDesk

_log = logging.getLogger(__name__)


class Sweep:
    """One pass over everything that time or a crash can leave behind."""

    def __init__(
        self, catalogue: Catalogue, clock: Clock, work: JobRunner, uploads: Uploads, desk: ViewingDesk
    ) -> None:
        self._catalogue = catalogue
        self._clock = clock
        self._work = work
        self._uploads = uploads
        self._desk = desk

    async def run(self) -> None:
        """Ring again first: the rest can wait. One step that fails does not keep the others from running."""
        for step in (
            self._work.ring,
            self._uploads.accept_complete,
            self._uploads.expire,
            self._uploads.discard_orphans,
            self._desk.close_abandoned,
            self._watch_locks,
        ):
            try:
                await step()
            except CustosError as error:
                _log.warning("a step of the sweep failed and will be tried again: %s", error)

    async def _watch_locks(self) -> None:
        now = self._clock.now()
        late = await self._catalogue.read(lambda tx: tx.items.short_locked(now - EXTEND_WITHIN))

        def note(tx: Transaction) -> None:
            tx.jobs.prune_changes(now)
            for item in late:
                raise_alarm(
                    tx,
                    Alarm(
                        "lock-not-extended",
                        item.id,
                        "A recording still has only its first, short lock. Look at `custos jobs list "
                        "--failed` and retry its commit.",
                        now,
                    ),
                    item.id,
                )

        await self._catalogue.write(note)
