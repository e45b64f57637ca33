"""Checkpoints stamped by the embedded authority, where no other is configured: apart from all other stamps.

They lie below `self-asserted/` and not below `stamps/`, so that a reader that knows nothing of them takes
none for a third party's.
"""

from __future__ import annotations

import asyncio
import hashlib

from custody.sequencer import LOG_LOCK
from custody.stamping import DIGEST_DIGITS, STAMPED_EVERY
from evidence.ports.catalogue import Catalogue
from evidence.ports.clock import Clock
from evidence.ports.log import LogStore
from evidence.ports.signing import OwnClock
from evidence.proofs import Stamp
from evidence.self_asserted import SELF_ASSERTED


class SelfStamper:
    """The use case of stamping without anybody else."""

    def __init__(self, catalogue: Catalogue, store: LogStore, own: OwnClock, clock: Clock) -> None:
        self._catalogue = catalogue
        self._store = store
        self._own = own
        self._clock = clock

    async def run(self) -> Stamp | None:
        """Stamp the head if it is due; the stamp, durable in store and catalogue, None if none was due.

        What a crash leaves is a token without a checkpoint, or both and no row; the next run stamps again.
        """
        now = self._clock.now()
        head, last = await self._catalogue.read(
            lambda tx: (tx.log.head(), tx.log.last_stamp(self_asserted=True))
        )
        if head is None or not head.published or (last is not None and last.size == head.published):
            return None
        # A clock that was set back since must not keep the log unstamped until it has caught up.
        if last is not None and abs(now - last.asked_at) < STAMPED_EVERY:
            return None
        checkpoint = head.checkpoint.encode()
        time = await asyncio.to_thread(self._own.assert_time, checkpoint)
        locked_until = now + LOG_LOCK
        place = f"{SELF_ASSERTED}/{head.published}"
        token = f"{place}.{hashlib.sha256(time.token).hexdigest()[:DIGEST_DIGITS]}"
        await self._store.put(f"{token}.tsq", time.request, locked_until)
        await self._store.put(f"{token}.tsr", time.token, locked_until)
        await self._store.put(f"{place}.checkpoint", checkpoint, locked_until)
        stamp = Stamp(head.published, time.at, now, None, time.token, head.checkpoint, self._clock.source())
        await self._catalogue.write(lambda tx: tx.log.add_stamp(stamp))
        return stamp
