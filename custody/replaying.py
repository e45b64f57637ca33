"""A catalogue from a backup led to where its log is: what it lost is read back from the store.

The store has every leaf with its event, under a head that this installation signed. Nothing is believed
before all of it leads to that head from the leaves that the catalogue has: only then are they written, in
steps, each as the sequencer would have. A crash leaves some of them, and the next run goes on. What an
event's detail said was in the catalogue alone and stays lost; that is on record, by an event that names
both sizes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from custody.notes import ED25519, Checkpoint, VerifierKey, parse_checkpoint, parse_note, require_signed
from custody.sequencing import NotAnEvent, sequence, subjects_in
from custody.tiles import WIDTH, decode_bundle, tile_at
from custody.tree import Frontier, joined
from evidence.errors import Conflict
from evidence.events import EventDraft, EventType, Subject
from evidence.leaf import leaf_hash
from evidence.ports.catalogue import Catalogue, Transaction
from evidence.ports.clock import Clock
from evidence.ports.log import LogHead, LogStore, Queued, Replayed
from evidence.timekeeping import from_text

_STEP = 256
_EVENT, _END = b',"event":', b',"v":"custos/leaf/1"}'


@dataclass(frozen=True, slots=True)
class Ran:
    """From how many leaves to how many the catalogue's log went."""

    before: int
    after: int


class Replaying:
    """The use case of `custos log replay`; the sequencer may stand still beside it."""

    def __init__(self, catalogue: Catalogue, store: LogStore, public: bytes, clock: Clock) -> None:
        """`public` is the key of this installation's checkpoints, 32 bytes."""
        self._catalogue = catalogue
        self._store = store
        self._public = public
        self._clock = clock

    async def run(self, reason: str) -> Ran:
        """Read back what the store has and the catalogue has not; durable, and on record with its reason.

        Raises Conflict("nothing-to-replay"), Conflict("not-ours") where the store's head is not signed by
        this installation, Conflict("log-forked") where its leaves do not follow the catalogue's.
        """
        head = await self._catalogue.read(lambda tx: tx.log.head())
        data = await self._store.read("checkpoint")
        if head is None or data is None:
            raise Conflict("nothing-to-replay", "There is no log in this catalogue, or none in its store.")
        checkpoint, note = self._checked(head, data)
        if checkpoint.size <= head.size:
            raise Conflict("nothing-to-replay", "The catalogue has every leaf that the store has.")
        leaves = await self._leaves(head.size, checkpoint.size)
        frontier = Frontier(head.size, [*head.peaks])
        for leaf in leaves:
            frontier.append(leaf_hash(leaf))
        if joined(frontier.peaks) != checkpoint.root:
            raise _forked("its leaves do not lead from what this catalogue has to the head that was signed")
        for first in range(0, len(leaves), _STEP):
            await self._catalogue.write(partial(_write, leaves=leaves[first : first + _STEP]))
        now = self._clock.now()

        def finish(tx: Transaction) -> None:
            tx.log.publish(checkpoint.size, note)
            tx.oversight.clear_alarm("log-forked", "log", now)
            tx.events.append(
                EventDraft(
                    EventType.LOG_REPLAYED,
                    None,
                    now,
                    (Subject("alarm", "log"),),
                    detail={"from": head.size, "to": checkpoint.size, "reason": reason},
                )
            )

        await self._catalogue.write(finish)
        return Ran(head.size, checkpoint.size)

    def _checked(self, head: LogHead, data: bytes) -> tuple[Checkpoint, str]:
        try:
            note = parse_note(data.decode())
            require_signed(note, VerifierKey(head.origin, ED25519, self._public))
            checkpoint = parse_checkpoint(note.text)
        except ValueError as error:
            raise Conflict(
                "not-ours",
                "The store's checkpoint is not signed by this installation's key. Put the right key or the "
                "right store back.",
            ) from error
        if checkpoint.origin != head.origin:
            raise Conflict("not-ours", f"The store holds another log, {checkpoint.origin}.")
        return checkpoint, str(note)

    async def _leaves(self, begin: int, end: int) -> Sequence[bytes]:
        """The store's leaves from `begin` up to before `end`; raises Conflict("log-forked")."""
        found: list[bytes] = []
        for number in range(begin // WIDTH, -(-end // WIDTH)):
            tile = tile_at(-1, number, end)
            data = await self._store.read(tile.path)
            try:
                entries = decode_bundle(data or b"")
            except ValueError as error:
                raise _forked(f"{tile.path} is damaged") from error
            if len(entries) != tile.width:
                raise _forked(f"{tile.path} is missing or damaged")
            found += entries
        return found[begin % WIDTH :]


def _write(tx: Transaction, leaves: Sequence[bytes]) -> None:
    """Append them as the sequencer would have; raises Conflict("log-forked") if it would have made others."""
    head = tx.log.head()
    assert head is not None
    events = [leaf.partition(_EVENT)[2].removesuffix(_END) for leaf in leaves]
    rows = [_row(event) for event in events]
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


def _row(event: bytes) -> Replayed:
    try:
        said = json.loads(event)
        subjects = tuple(sorted({str(one["id"]) for one in said["subjects"]}))
        return Replayed(str(said["id"]), event, from_text(said["time"]), subjects)
    except (ValueError, KeyError, TypeError) as error:
        raise _forked("it holds what is no event") from error


def _forked(why: str) -> Conflict:
    return Conflict(
        "log-forked",
        f"The store's log is not the continuation of this catalogue's: {why}. Keep both as they are, and "
        "call whoever audits this installation.",
    )
