"""The details and salts of the log's events, into the store: bundles beside those of its entries.

They are no part of the proof; they are what a lost catalogue could not tell any more. A full bundle is put,
locked for the log's time; the last one is replaced under a name of its own until it is full. A crash leaves
a bundle that is made again, with the same bytes. While a bundle fills, what was written of it first stays:
a detail that somebody changes in the catalogue afterwards is not what the event commits to, and does not take
its place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress

from custody.rows import commits
from custody.sequencer import LOG_LOCK
from custody.tiles import WIDTH, number_path
from evidence.alarms import raise_alarm
from evidence.events import SALT_BYTES
from evidence.log_audits import MOST_NAMES, ROWS, THE_LOG, Found, rows_say
from evidence.ports.catalogue import Alarm, Catalogue, Transaction
from evidence.ports.clock import Clock
from evidence.ports.log import Body, LogStore
from evidence.ports.objects import AlreadyStored

MARK = "bodies"
THE_STORE = "the store"
#: Of the alarm: another bundle lies where one of the log's has to.
DIFFER = "log-bodies-differ"
_LENGTH_BYTES = 4
_BUNDLES_IN_ONE = 40


def in_replica(name: str) -> str:
    """What a replica is called as a place of the log."""
    return f"the replica {name}"


def path_of(number: int, *, is_full: bool) -> str:
    """`bodies/<N>`, and `bodies/<N>.part` while it is not full (docs/formats/log.md)."""
    return f"bodies/{number_path(number)}{'' if is_full else '.part'}"


def encode_bodies(bodies: Sequence[Body | None]) -> bytes:
    """Each body's salt and detail after their length in four bytes; 0 for one that is not kept any more."""
    found = []
    for one in bodies:
        data = b"" if one is None else one.salt + one.detail
        found.append(len(data).to_bytes(_LENGTH_BYTES, "big") + data)
    return b"".join(found)


def decode_bodies(data: bytes) -> list[Body | None]:
    """The inverse; raises ValueError for what ends in the middle of a body."""
    found: list[Body | None] = []
    at = 0
    while at < len(data):
        begin = at + _LENGTH_BYTES
        length = int.from_bytes(data[at:begin], "big")
        body = data[begin : begin + length]
        if begin > len(data) or len(body) != length or 0 < length < SALT_BYTES:
            raise ValueError("the bundle ends in the middle of a body")
        found.append(Body(body[:SALT_BYTES], body[SALT_BYTES:]) if length else None)
        at = begin + length
    return found


def tells(data: bytes, bodies: Sequence[Body | None]) -> bool:
    """Whether a bundle has all that is known here of these leaves' details.

    It may know more: a catalogue that was led on from the log may have lost what the store still has.
    """
    try:
        kept = decode_bodies(data)
    except ValueError:
        return False
    return len(kept) == len(bodies) and all(
        ours in (None, theirs) for ours, theirs in zip(bodies, kept, strict=True)
    )


def mark_of(place: str) -> str:
    """Under which name the catalogue keeps how many leaves' bodies lie in a place."""
    # A place's name may be longer than that of a mark.
    digest = hashlib.sha256(place.encode()).hexdigest()[:32]
    return MARK if place == THE_STORE else f"{MARK} {digest}"


class Bodies:
    """The use case of keeping them in the store."""

    def __init__(self, catalogue: Catalogue, store: LogStore, clock: Clock, place: str = THE_STORE) -> None:
        """`place`: what that store is called; the catalogue keeps how far each has them."""
        self._place = place
        self._mark = mark_of(place)
        self._catalogue = catalogue
        self._store = store
        self._clock = clock

    async def run(self) -> bool:
        """Write those of the leaves that are published and not written yet; whether more wait. Repeatable.

        Durable in the store on return. Where somebody has put another bundle before, what this one says is
        in the catalogue alone, and an alarm says so. Raises Unavailable.
        """
        for _ in range(_BUNDLES_IN_ONE):
            if not await self._step():
                return False
        return True

    async def _step(self) -> bool:
        done, size, entries, bodies = await self._catalogue.read(self._look)
        if done >= size:
            return False
        number = done // WIDTH
        end = number * WIDTH + len(bodies)
        bodies = await self._first_written(number, entries, bodies)
        is_full = len(bodies) == WIDTH
        data = encode_bodies(bodies)
        if is_full:
            try:
                await self._store.put(path_of(number, is_full=True), data, self._clock.now() + LOG_LOCK)
            except AlreadyStored:
                await self._compare(number, bodies)
        else:
            await self._store.replace(path_of(number, is_full=False), data)
        await self._catalogue.write(lambda tx: tx.journal.keep_mark(self._mark, str(end)))
        return end < size

    async def go_back(self, size: int) -> None:
        """Have the store get anew what it has not, as it lost all behind the first `size`."""

        def note(tx: Transaction) -> None:
            if int(tx.journal.mark(self._mark) or 0) > size:
                tx.journal.keep_mark(self._mark, str(size))

        await self._catalogue.write(note)

    async def _first_written(
        self, number: int, entries: Sequence[bytes], bodies: Sequence[Body | None]
    ) -> Sequence[Body | None]:
        """The bodies; of what its event does not commit to, or nobody here knows, what lies there already."""
        changed = [
            place
            for place, (entry, body) in enumerate(zip(entries, bodies, strict=True))
            if not commits(entry, body)
        ]
        if not changed and None not in bodies:
            return bodies
        if changed:
            names = [f"the detail of the event {number * WIDTH + place}" for place in changed]
            words = rows_say(Found(rows=tuple(names[:MOST_NAMES]), count=len(names)))
            alarm = Alarm(ROWS, THE_LOG, words, self._clock.now())
            await self._catalogue.write(lambda tx: raise_alarm(tx, alarm))
        try:
            kept = await read_bodies(self._store, number, len(bodies))
        except ValueError:
            kept = [None] * len(bodies)
        return [
            there if body is None or (place in changed and there is not None) else _as_bytes(body)
            for place, (body, there) in enumerate(zip(bodies, kept, strict=True))
        ]

    def _look(self, tx: Transaction) -> tuple[int, int, Sequence[bytes], Sequence[Body | None]]:
        """How many are written, how many are published, and of the bundle that is next leaves and bodies."""
        head = tx.log.head()
        done, size = int(tx.journal.mark(self._mark) or 0), 0 if head is None else head.published
        if done >= size:
            return done, size, (), ()
        begin = done // WIDTH * WIDTH
        end = min(begin + WIDTH, size)
        return done, size, _entries(tx, begin, end), tx.log.bodies(begin, end)

    async def _compare(self, number: int, bodies: Sequence[Body | None]) -> None:
        """Raise an alarm where what lies there lacks or changes anything that is known here."""
        path = path_of(number, is_full=True)
        if tells(await self._store.read_kept(path) or b"", bodies):
            return
        words = (
            f"Where {self._place} keeps what the events {number * WIDTH} to {number * WIDTH + WIDTH - 1} of "
            f"the log say, log/{path}, something else lies that is not of this log. What they say is not "
            "kept there: a lost catalogue would be rebuilt without it. Back the catalogue up, and find out "
            "who can write there."
        )
        subject = path if self._mark == MARK else f"{path} in {self._place}"
        alarm = Alarm(DIFFER, subject, words, self._clock.now())
        await self._catalogue.write(lambda tx: raise_alarm(tx, alarm))


def _entries(tx: Transaction, begin: int, end: int) -> Sequence[bytes]:
    """The leaves; none of them commits to anything where their rows are no leaves any more."""
    with suppress(TypeError, ValueError):
        found = tx.log.entries(begin, end)
        if len(found) == end - begin:
            return found
    return [b""] * (end - begin)


def _as_bytes(body: Body) -> Body | None:
    """The body; None where a database that lets anybody who owns it put text there has no bytes."""
    return body if isinstance(body.salt, bytes) and isinstance(body.detail, bytes) else None


async def read_bodies(store: LogStore, number: int, width: int) -> list[Body | None]:
    """Those of the first `width` leaves of a bundle; None where the store has none. Raises ValueError."""
    data = await store.read_kept(path_of(number, is_full=True))
    if data is None:
        data = await store.read(path_of(number, is_full=False))
    found = decode_bodies(data or b"")[:width]
    return [*found, *[None] * (width - len(found))]
