"""The journal's chunks that no restoration needs any more, removed once nothing holds them locked.

What is needed is looked at first, whole: from the signed last chunk back to the one with which a restoration
begins, each fits the next. What lies before that one goes, the oldest first, so that a crash leaves no hole.
Nothing of it is evidence, and so the machine's own clock is good enough; a bucket keeps to its own.
"""

from __future__ import annotations

from datetime import datetime

from custody.journal_reading import readable
from evidence.canonical import Json
from evidence.errors import Conflict
from evidence.events import EventDraft, EventType
from evidence.keys import journal_key
from evidence.ports.catalogue import Catalogue, Transaction
from evidence.ports.clock import Clock
from evidence.ports.disposal import Disposer
from evidence.ports.journal import JournalStore

#: Up to which chunk events say that they went.
_TOLD = "journal pruned"


async def prune_on_record(
    catalogue: Catalogue, store: JournalStore, disposer: Disposer, public: bytes, clock: Clock
) -> int:
    """`prune`, and an event that says so; how many chunks went now.

    The event of what a run removed that was killed is recorded by the next one.
    """
    before = await store.oldest()
    if before is None:
        return 0

    def begin(tx: Transaction) -> int:
        told = tx.journal.mark(_TOLD)
        if told is None:
            tx.journal.keep_mark(_TOLD, str(before))
        return before if told is None else int(told)

    # Before anything goes: what is not kept by then, nobody could tell of after a kill.
    told = await catalogue.write(begin)
    count = await prune(store, disposer, public, clock.now())
    oldest = before + count

    def tell(tx: Transaction) -> None:
        if oldest > told:
            detail: dict[str, Json] = {"chunks": oldest - told, "oldest": oldest}
            tx.events.append(EventDraft(EventType.JOURNAL_PRUNED, None, clock.now(), detail=detail))
        tx.journal.keep_mark(_TOLD, str(oldest))

    await catalogue.write(tell)
    return count


async def prune(store: JournalStore, disposer: Disposer, public: bytes, now: datetime) -> int:
    """Remove what the newest finished scan made needless, up to what is locked at `now`; how many chunks.

    Durable on return, and may be repeated. Raises Conflict("journal-broken") where what is needed is not
    whole or not signed by that key, and then removes nothing; Unavailable.
    """
    found = await readable(store, public)
    oldest = await store.oldest()
    if found is None or oldest is None or not found.is_whole:
        return 0
    for number in range(oldest, found.first):
        try:
            await disposer.dispose(journal_key(number), now)
        except Conflict as error:
            if error.code != "locked":
                raise
            return number - oldest
    return max(found.first - oldest, 0)
