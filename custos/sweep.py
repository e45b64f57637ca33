"""What happens by itself: rows that nobody answered are rung for again, what was left open is closed.

Every step may run twice and in several processes at once.
"""

from __future__ import annotations

import logging
from datetime import datetime

from custos.work import JobRunner
from evidence.alarms import raise_alarm
from evidence.errors import CustosError
from evidence.events import EventDraft, EventType, Subject
from evidence.items import Rendition
from evidence.parts import PARTS_KEPT
from evidence.ports.catalogue import Alarm, Catalogue, Transaction
from evidence.ports.clock import Clock
from evidence.ports.objects import ObjectStore
from evidence.projection import catch_up
from evidence.retention import EXTEND_WITHIN
from ingest.uploads import Uploads
from retrieval.viewings import ViewingDesk

_log = logging.getLogger(__name__)
#: Recordings whose parts go in one sweep.
_AT_ONCE = 10
#: Entries of the search that are made in one transaction, and transactions in one sweep.
_ENTRIES = 20
_ENTRY_BATCHES = 20


class Sweep:
    """One pass over everything that time or a crash can leave behind."""

    def __init__(
        self,
        catalogue: Catalogue,
        store: ObjectStore,
        clock: Clock,
        work: JobRunner,
        uploads: Uploads,
        desk: ViewingDesk,
    ) -> None:
        self._catalogue = catalogue
        self._store = store
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
            self._discard_parts,
            self._make_entries,
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

    async def _discard_parts(self) -> None:
        """Parts of recordings that are whole by now. The bytes go first: what is left is found again."""
        now = self._clock.now()
        for item_id in await self._catalogue.read(lambda tx: tx.parts.joined(now - PARTS_KEPT, _AT_ONCE)):
            await self._discard(item_id, now)

    async def _make_entries(self) -> None:
        """Entries of the search that a migration left to be made, a few at a time: others write meanwhile."""
        for _ in range(_ENTRY_BATCHES):
            if not await self._catalogue.read(lambda tx: tx.search.due(1)):
                return
            await self._catalogue.write(lambda tx: catch_up(tx, _ENTRIES))

    async def _discard(self, item_id: str, now: datetime) -> None:
        def of_parts(tx: Transaction) -> list[Rendition]:
            kinds = {part.kind for part in tx.parts.of_item(item_id)}
            return [one for one in tx.items.renditions(item_id) if one.kind in kinds]

        parts = await self._catalogue.read(of_parts)
        for part in parts:
            await self._store.discard_rendition(part.key)

        def note(tx: Transaction) -> None:
            for part in parts:
                tx.items.drop_rendition(part.id)
                tx.events.append(
                    EventDraft(
                        EventType.RENDITION_DISCARDED,
                        None,
                        now,
                        (Subject("item", item_id),),
                        digests={"sha256": part.sha256},
                        detail={"rendition": part.id, "kind": part.kind},
                    )
                )
            tx.parts.forget(item_id)

        await self._catalogue.write(note)
