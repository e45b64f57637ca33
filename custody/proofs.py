"""What the log proves, for whoever asks: its head, its tiles, and that an item's events are in it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from custody.notes import ED25519, VerifierKey, parse_note, tlog_proof
from custody.sequencer import data_of, tiles_from
from custody.tiles import parse_path, span_from, tile_at, tiles_for
from custody.tree import Span, consistency_spans, inclusion_spans
from evidence.agents import Action, Agent
from evidence.allowed import allowed_item
from evidence.canonical import Json
from evidence.errors import Denied, Invalid
from evidence.events import EventDraft, EventType, Subject
from evidence.key_statements import KEYS_VERSION, parse_statement, recovery_of
from evidence.ports.authority import Authority
from evidence.ports.catalogue import Catalogue, Transaction
from evidence.ports.clock import Clock
from evidence.ports.log import LogHead, Stamp

#: Events of one item that are proven at once, the latest.
MOST_PROOFS = 1_000
MOST_STAMPS = 50


@dataclass(frozen=True, slots=True)
class ProvenEvent:
    """A leaf with its proof (c2sp.org/tlog-proof), and what its event's `detail` commits to, if kept."""

    leaf: bytes
    proof: str
    salt: bytes | None
    detail: bytes | None


@dataclass(frozen=True, slots=True)
class ItemProof:
    """An item's events in the log, oldest first; `waiting` counts those that are not in it yet.

    `key` and `checkpoint` are empty before there is a log.
    """

    item_id: str
    key: str
    checkpoint: str
    events: Sequence[ProvenEvent]
    waiting: int


class Proofs:
    """The use cases of whoever checks the log."""

    def __init__(self, catalogue: Catalogue, authority: Authority, clock: Clock, public: bytes) -> None:
        self._catalogue = catalogue
        self._authority = authority
        self._clock = clock
        self._public = public

    async def checkpoint(self) -> str:
        """The signed head of the log, for anybody; raises Denied before there is one."""
        return (await self._head()).checkpoint

    async def key(self) -> str:
        """The key of the log's checkpoints, as `<name>+<id>+<key>`; raises Denied before the first."""
        return str(self._key(await self._head()))

    async def keys(self) -> dict[str, Json]:
        """`custos/log-keys/1`, for anybody: how each key took over from the one before; raises Denied."""
        head = await self._head()
        notes = await self._catalogue.read(lambda tx: tx.log.key_statements())
        statements = [parse_statement(parse_note(note).text) for note in notes]
        return {
            "v": KEYS_VERSION,
            "log": head.origin,
            "key": str(self._key(head)),
            "recovery": recovery_of(statements),
            "statements": list(notes),
        }

    async def tile(self, path: str) -> bytes:
        """A tile of hashes, for anybody, as far as it is published; raises Denied.

        Entries are not among them: they say who did what, if under a pseudonym.
        """
        try:
            tile = parse_path(f"tile/{path}")
        except ValueError as error:
            raise Denied from error
        head = await self._head()
        try:
            there = tile_at(tile.level, tile.number, head.published)
        except ValueError as error:
            raise Denied from error
        if tile.level < 0 or tile.width > there.width:
            raise Denied
        return await self._catalogue.read(lambda tx: data_of(tx, tile))

    async def consistency(self, old: int, new: int) -> Sequence[bytes]:
        """The proof that the tree of `new` leaves begins with that of `old`, for anybody.

        Raises Denied before there is a log, Invalid("bad-sizes").
        """
        head = await self._head()
        if not 0 <= old <= new <= head.published:
            raise Invalid("bad-sizes", f"Give two sizes, the smaller first, up to {head.published}.")
        (hashes,) = await self._catalogue.read(lambda tx: _hashes(tx, [consistency_spans(old, new)], new))
        return hashes

    async def stamps(self) -> Sequence[Stamp]:
        """The latest checkpoints that a time authority has signed, for anybody; raises Denied."""
        await self._head()
        return await self._catalogue.read(lambda tx: tx.log.stamps(MOST_STAMPS))

    async def of_event(self, event_id: str) -> tuple[str, ProvenEvent] | None:
        """The log's key, and the leaf of an event with its proof; None while it is not in the log.

        For whoever was given the event's digest: whether they may ask is the caller's to say. What its detail
        commits to is not told.
        """

        def prove(tx: Transaction) -> tuple[str, ProvenEvent] | None:
            head = tx.log.head()
            place = tx.log.place_of(event_id)
            if head is None or place is None or place >= head.published:
                return None
            ((leaf, proof),) = _leaves(tx, [place], head)
            return str(self._key(head)), ProvenEvent(leaf, proof, None, None)

        return await self._catalogue.read(prove)

    async def of_item(self, agent: Agent, item_id: str) -> ItemProof:
        """Proofs for the item's events, the latest thousand; itself an event. Raises Denied."""
        now = self._clock.now()

        def find(tx: Transaction) -> None:
            allowed_item(tx, self._authority, agent, Action.SEE_HISTORY, item_id, now)

        await self._catalogue.read(find)
        subjects = (Subject("item", item_id),)
        await self._catalogue.record(
            EventDraft(EventType.HISTORY_SHOWN, agent.id, now, subjects, detail={"of": "proofs"})
        )

        def prove(tx: Transaction) -> ItemProof:
            head = tx.log.head() or LogHead("", 0, (), 0, "")
            return _proven(tx, item_id, head, str(self._key(head)) if head.published else "")

        return await self._catalogue.read(prove)

    async def _head(self) -> LogHead:
        head = await self._catalogue.read(lambda tx: tx.log.head())
        if head is None or not head.published:
            raise Denied
        return head

    def _key(self, head: LogHead) -> VerifierKey:
        return VerifierKey(head.origin, ED25519, self._public)


def _hashes(tx: Transaction, wanted: Sequence[Sequence[Span]], size: int) -> list[list[bytes]]:
    """The hashes of the spans of several proofs; a tile that several need is read once."""
    tiles = tiles_from(tx, sorted(tiles_for(chain.from_iterable(wanted), size)))
    return [[span_from(span, size, tiles) for span in spans] for spans in wanted]


def _leaves(tx: Transaction, places: Sequence[int], head: LogHead) -> list[tuple[bytes, str]]:
    """The leaf at each place, with its proof."""
    size = head.published
    hashes = _hashes(tx, [inclusion_spans(place, size) for place in places], size)
    found = []
    for place, proof in zip(places, hashes, strict=True):
        (leaf,) = tx.log.entries(place, place + 1)
        found.append((leaf, tlog_proof(place, proof, head.checkpoint)))
    return found


def _proven(tx: Transaction, item_id: str, head: LogHead, key: str) -> ItemProof:
    ids = [str(json.loads(entry.data)["id"]) for entry in tx.events.history(item_id, MOST_PROOFS)]
    places = {event_id: tx.log.place_of(event_id) for event_id in ids}
    inside = {one: place for one, place in places.items() if place is not None and place < head.published}
    found: list[ProvenEvent] = []
    for event_id, (leaf, proof) in zip(inside, _leaves(tx, [*inside.values()], head), strict=True):
        kept = tx.events.get(event_id)
        salt, detail = (None, None) if kept is None else kept[1:]
        found.append(ProvenEvent(leaf, proof, salt, detail))
    return ItemProof(item_id, key, head.checkpoint, found, len(ids) - len(found))


def as_json(proof: ItemProof) -> dict[str, Json]:
    """`custos/item-proof/1` (docs/formats/log.md)."""
    return {
        "v": "custos/item-proof/1",
        "item": proof.item_id,
        "key": proof.key,
        "waiting": proof.waiting,
        "events": [
            {
                "leaf": one.leaf.decode(),
                "proof": one.proof,
                "salt": None if one.salt is None else one.salt.hex(),
                "detail": None if one.detail is None else one.detail.decode(),
            }
            for one in proof.events
        ],
    }
