"""Checkpoints stamped by time authorities (RFC 3161): that a tree stood at a time is then not only our word.

A stamp is over the bytes of the signed checkpoint. Checkpoint and token are kept beside each other in the
store, locked like what is full, before the row that names them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from datetime import datetime, timedelta

from custody.sequencer import LOG_LOCK
from evidence.alarms import raise_alarm
from evidence.errors import Unavailable
from evidence.ports.catalogue import Alarm, Catalogue, Transaction
from evidence.ports.clock import Clock
from evidence.ports.disposal import TimeAsked
from evidence.ports.log import LogStore
from evidence.proofs import Stamp
from evidence.timekeeping import from_text

#: Of a token's SHA-256 in its name: a token has bytes that no signature covers.
DIGEST_DIGITS = 32
#: So long after the last stamp the next one is asked for, if anything happened.
STAMPED_EVERY = timedelta(seconds=60)
#: A log that has not been stamped for so long although something happened is an alarm.
_ALARM_AFTER = timedelta(days=1)


class Stamper:
    """The use case of stamping; `trusted` is None where no authority is configured."""

    def __init__(
        self,
        catalogue: Catalogue,
        store: LogStore,
        trusted: TimeAsked | None,
        clock: Clock,
        needed: int = 1,
        required: Collection[str] = (),
    ) -> None:
        """`needed`: so many authorities have to answer for a head to count as stamped, and among them those
        whose addresses are `required`.
        """
        self._catalogue = catalogue
        self._needed = needed
        self._required = tuple(required)
        self._store = store
        self._trusted = trusted
        self._clock = clock

    async def run(self) -> Stamp | None:
        """Stamp the head if it is due; the stamp, durable in store and catalogue, None if none was due.

        Raises Unavailable("no-trusted-time") where fewer authorities answer than are needed, or one that is
        required does not; the next run asks again, and nothing of this one is kept.
        """
        if self._trusted is None:
            return None
        now = self._clock.now()
        head, last = await self._catalogue.read(lambda tx: (tx.log.head(), tx.log.last_stamp()))
        if head is None or not head.published or (last is not None and last.size == head.published):
            return None
        if last is not None and now - last.asked_at < STAMPED_EVERY:
            return None
        checkpoint = head.checkpoint.encode()
        times = await self._trusted.stamp_all(checkpoint)
        answered = {time.authority for time in times}
        absent = [url for url in self._required if url not in answered]
        if absent or len(times) < self._needed:
            since = await self._catalogue.read(_begun) if last is None else last.asked_at
            if now - since > _ALARM_AFTER:
                await self._catalogue.write(self._raise)
            raise Unavailable(
                "no-trusted-time",
                f"{len(times)} time authorities gave a time that can be trusted; {self._needed} are needed"
                + (f", and {', '.join(absent)} among them." if absent else "."),
            )
        locked_until = now + LOG_LOCK
        for time in times:
            digest = hashlib.sha256(time.token).hexdigest()[:DIGEST_DIGITS]
            place = f"stamps/{head.published}.{digest}"
            # What was asked first: whoever finds an answer finds what it answers.
            await self._store.put(f"{place}.tsq", time.request, locked_until)
            await self._store.put(f"{place}.tsr", time.token, locked_until)
        # Last: whoever finds it finds its tokens, also where this breaks off and the log goes on.
        await self._store.put(f"stamps/{head.published}.checkpoint", checkpoint, locked_until)
        time = times[0]
        stamp = Stamp(
            head.published, time.at, now, time.authority, time.token, head.checkpoint, policy=time.policy
        )
        needed = [source for one in times for source in one.lists]

        def keep(tx: Transaction) -> None:
            tx.log.add_stamp(stamp)
            tx.revocation.want(needed, now)

        await self._catalogue.write(keep)
        return stamp

    def _raise(self, tx: Transaction) -> None:
        raise_alarm(
            tx,
            Alarm(
                "log-not-stamped",
                "log",
                "The custody log has not been stamped for a day by as many time authorities as are needed, "
                "and those that are required. Look at the server's log, and at `custody.time_authorities`.",
                self._clock.now(),
            ),
        )


def _begun(tx: Transaction) -> datetime:
    """When the log's first event happened."""
    (leaf,) = tx.log.entries(0, 1)
    return from_text(json.loads(leaf)["event"]["time"])
