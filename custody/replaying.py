"""A catalogue led to where its log is: what it lacks is read back from the store.

The store has every leaf with its event, under a head that this installation signed, and beside them what
the events' details said. Nothing is believed before all of it leads to that head from the leaves that the
catalogue has: only then are they written, in steps, each as the sequencer would have. A crash leaves some
of them, and the next run goes on. A detail that does not fit its event counts as one that is not there.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from custody.bodies import read_bodies
from custody.notes import ED25519, Checkpoint, VerifierKey, parse_checkpoint, parse_note, require_signed
from custody.sequencing import NotAnEvent, sequence, subjects_in
from custody.tiles import WIDTH, decode_bundle, tile_at
from custody.tree import Frontier, joined
from evidence.errors import Conflict
from evidence.events import EventDraft, EventType, Subject, detail_digest
from evidence.leaf import leaf_hash
from evidence.ports.catalogue import Catalogue, Transaction
from evidence.ports.clock import Clock
from evidence.ports.log import Body, LogHead, LogStore, Queued, Replayed
from evidence.timekeeping import from_text

_EVENT, _END = b',"event":', b',"v":"custos/leaf/1"}'


@dataclass(frozen=True, slots=True)
class Ran:
    """From how many leaves to how many the catalogue's log went, and for how many no detail was found."""

    before: int
    after: int
    without_detail: int = 0


class Replaying:
    """The use case of `custos log replay`; the sequencer may stand still beside it."""

    def __init__(self, catalogue: Catalogue, store: LogStore, public: bytes, clock: Clock) -> None:
        """`public` is the key of this installation's checkpoints, 32 bytes."""
        self._catalogue = catalogue
        self._store = store
        self._public = public
        self._clock = clock

    async def run(self, reason: str) -> Ran:
        """Lead the catalogue on, as `lead` does; durable, and on record with its reason.

        Raises Conflict("nothing-to-replay") where it begins or ends nowhere, and what `lead` raises.
        """
        head = await self._catalogue.read(lambda tx: tx.log.head())
        if head is None:
            raise _nothing()
        ran = await self.lead()
        if ran.after <= ran.before:
            raise Conflict("nothing-to-replay", "The catalogue has every leaf that the store has.")
        now = self._clock.now()

        def finish(tx: Transaction) -> None:
            tx.oversight.clear_alarm("log-forked", "log", now)
            tx.events.append(
                EventDraft(
                    EventType.LOG_REPLAYED,
                    None,
                    now,
                    (Subject("alarm", "log"),),
                    detail={"from": ran.before, "to": ran.after, "reason": reason},
                )
            )

        await self._catalogue.write(finish)
        return ran

    async def lead(
        self, told: Callable[[int, int, Sequence[Replayed]], None] = lambda first, size, rows: None
    ) -> Ran:
        """Read back what the store has and the catalogue has not, from its first leaf if it has none.

        `told` hears what was written: the number of the first, of how many, and the events. Durable on
        return; repeatable. Raises Conflict("nothing-to-replay") where the store has no log,
        Conflict("not-ours") where its head is not signed by this installation, Conflict("log-forked") where
        its leaves do not follow the catalogue's.
        """
        data = await self._store.read("checkpoint")
        if data is None:
            raise _nothing()
        head = await self._catalogue.read(lambda tx: tx.log.head())
        checkpoint, note = self._checked(head, data)
        if head is None:
            head = await self._catalogue.write(lambda tx: tx.log.begin(checkpoint.origin))
        if checkpoint.size <= head.size:
            return Ran(head.size, head.size)
        frontier = Frontier(head.size, [*head.peaks])
        async for leaves, _ in self._bundles(head.size, checkpoint.size):
            for leaf in leaves:
                frontier.append(leaf_hash(leaf))
        if joined(frontier.peaks) != checkpoint.root:
            raise _forked("its leaves do not lead from what this catalogue has to the head that was signed")
        done, without = head.size, 0
        async for leaves, bodies in self._bundles(head.size, checkpoint.size):
            rows = [_row(leaf, body) for leaf, body in zip(leaves, bodies, strict=True)]
            await self._catalogue.write(partial(_write, leaves=leaves, rows=rows))
            told(done, checkpoint.size, rows)
            done += len(rows)
            without += sum(row.body is None for row in rows)
        led = await self._catalogue.read(lambda tx: tx.log.head())
        if led is None or joined(led.peaks) != checkpoint.root:
            raise _forked("it was changed while it was read")
        await self._catalogue.write(lambda tx: tx.log.publish(checkpoint.size, note))
        return Ran(head.size, checkpoint.size, without)

    def _checked(self, head: LogHead | None, data: bytes) -> tuple[Checkpoint, str]:
        try:
            note = parse_note(data.decode())
            checkpoint = parse_checkpoint(note.text)
            named = checkpoint.origin if head is None else head.origin
            require_signed(note, VerifierKey(named, ED25519, self._public))
        except ValueError as error:
            raise Conflict(
                "not-ours",
                "The store's checkpoint is not signed by this installation's key. Put the right key or the "
                "right store back.",
            ) from error
        if checkpoint.origin != named:
            raise Conflict("not-ours", f"The store holds another log, {checkpoint.origin}.")
        return checkpoint, str(note)

    async def _bundles(
        self, begin: int, end: int
    ) -> AsyncIterator[tuple[Sequence[bytes], Sequence[Body | None]]]:
        """The store's leaves from `begin` up to before `end`; raises Conflict("log-forked")."""
        for number in range(begin // WIDTH, -(-end // WIDTH)):
            tile = tile_at(-1, number, end)
            read = self._store.read_kept if tile.is_full else self._store.read
            data = await read(tile.path)
            try:
                entries = decode_bundle(data or b"")
            except ValueError as error:
                raise _forked(f"{tile.path} is damaged") from error
            if len(entries) != tile.width:
                raise _forked(f"{tile.path} is missing or damaged")
            try:
                bodies = await read_bodies(self._store, number, tile.width)
            except ValueError:
                bodies = [None] * tile.width
            first = max(begin - number * WIDTH, 0)
            yield entries[first:], bodies[first:]


def _write(tx: Transaction, leaves: Sequence[bytes], rows: Sequence[Replayed]) -> None:
    """Append them as the sequencer would have; raises Conflict("log-forked") if it would have made others."""
    head = tx.log.head()
    assert head is not None
    waiting = tx.log.replay(rows)
    queued = [Queued(waiting.get(row.event_id, -1), row.event_id, row.data) for row in rows]
    try:
        subjects = subjects_in(queued)
        named = {subject for of_event in subjects.values() for subject in of_event}
        found = sequence(head, queued, subjects, tx.log.last_of(named))
    except NotAnEvent as error:
        raise _forked(f"it holds what is no event ({error})") from error
    if [one.hash for one in found.leaves] != [leaf_hash(leaf) for leaf in leaves]:
        raise _forked("its leaves are chained otherwise than this catalogue's")
    if not tx.log.append(head.size, found):
        raise Conflict("log-busy", "Somebody else writes the log. Stop every part of Custos, and try again.")


def _row(leaf: bytes, body: Body | None) -> Replayed:
    event = leaf.partition(_EVENT)[2].removesuffix(_END)
    try:
        said = json.loads(event)
        subjects = tuple(sorted({str(one["id"]) for one in said["subjects"]}))
        fits = body is not None and detail_digest(body.salt, body.detail) == said["detail"]
        return Replayed(str(said["id"]), event, from_text(said["time"]), subjects, body if fits else None)
    except (ValueError, KeyError, TypeError) as error:
        raise _forked("it holds what is no event") from error


def _nothing() -> Conflict:
    return Conflict("nothing-to-replay", "There is no log in this catalogue, or none in its store.")


def _forked(why: str) -> Conflict:
    return Conflict(
        "log-forked",
        f"The store's log is not the continuation of this catalogue's: {why}. Keep both as they are, and "
        "call whoever audits this installation.",
    )
