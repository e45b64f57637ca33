"""What the log proves, for whoever asks: its head, its tiles, and that an item's events are in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

from custody.notes import ED25519, VerifierKey, parse_note, tlog_proof
from custody.rows import data_of, tiles_from
from custody.tiles import Tile, parse_path, span_from, tile_at, tiles_for
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
from evidence.ports.log import LogHead
from evidence.proofs import CaseProof, ItemProof, ProvenEvent, Stamp

#: Events of one item that are proven at once, the latest.
MOST_PROOFS = 1_000
MOST_STAMPS = 50


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

    async def witnessed(self) -> str:
        """The newest head that enough witnesses have cosigned, for anybody; raises Denied before that.

        The note has the log's signature and theirs.
        """
        found = await self._catalogue.read(lambda tx: tx.log.witnessed())
        if found is None:
            raise Denied
        return found.checkpoint

    async def key(self) -> str:
        """The key of the log's checkpoints, as `<name>+<id>+<key>`; raises Denied before the first."""
        return str(self._key(await self._head()))

    async def keys(self) -> dict[str, Json]:
        """`custos/log-keys/1`, for anybody: how each key took over from the one before; raises Denied."""
        head = await self._head()
        return await self._catalogue.read(lambda tx: keys_document(tx, head, str(self._key(head))))

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
        return await self._catalogue.read(lambda tx: consistency_hashes(tx, old, new))

    async def stamps(self, *, self_asserted: bool = False) -> Sequence[Stamp]:
        """The latest checkpoints that a time authority has signed, for anybody; raises Denied.

        With `self_asserted` those whose time this installation alone has signed.
        """
        await self._head()
        return await self._catalogue.read(lambda tx: tx.log.stamps(MOST_STAMPS, self_asserted=self_asserted))

    async def of_event(self, event_id: str, *, witnessed: bool = False) -> tuple[str, ProvenEvent] | None:
        """The log's key, and the leaf of an event with its proof; None while it is not in the log.

        With `witnessed` the proof leads to the newest witnessed head; None while the event is not under it.
        For whoever was given the event's digest: whether they may ask is the caller's to say. What its detail
        commits to is not told.
        """

        def prove(tx: Transaction) -> tuple[str, ProvenEvent] | None:
            head = head_shown(tx, witnessed=witnessed)
            place = tx.log.place_of(event_id)
            if head is None or place is None or place >= head.published:
                return None
            (leaf,) = tx.log.entries(place, place + 1)
            (hashes,) = hashes_of(tx, [inclusion_spans(place, head.published)], head.published)
            proof = tlog_proof(place, hashes, head.checkpoint)
            return str(self._key(head)), ProvenEvent(leaf, proof, None, None)

        return await self._catalogue.read(prove)

    async def of_item(self, agent: Agent, item_id: str, *, witnessed: bool = False) -> ItemProof:
        """Proofs for the item's events, the latest thousand; itself an event. Raises Denied.

        With `witnessed` they lead to the newest witnessed head; younger events are among those that wait.
        """
        now = self._clock.now()

        def find(tx: Transaction) -> None:
            allowed_item(tx, self._authority, agent, Action.SEE_HISTORY, item_id, now)

        await self._catalogue.read(find)
        subjects = (Subject("item", item_id),)
        await self._catalogue.record(
            EventDraft(EventType.HISTORY_SHOWN, agent.id, now, subjects, detail={"of": "proofs"})
        )

        def prove(tx: Transaction) -> ItemProof:
            head = head_shown(tx, witnessed=witnessed) or LogHead("", 0, (), 0, "")
            key = str(self._key(head)) if head.published else ""
            return proven(tx, item_id, head, key, MOST_PROOFS)

        return await self._catalogue.read(prove)

    async def _head(self) -> LogHead:
        head = await self._catalogue.read(lambda tx: tx.log.head())
        if head is None or not head.published:
            raise Denied
        return head

    def _key(self, head: LogHead) -> VerifierKey:
        return VerifierKey(head.origin, ED25519, self._public)


def keys_document(tx: Transaction, head: LogHead, key: str) -> dict[str, Json]:
    """`custos/log-keys/1`: the statements that lead to `key`, the one in force."""
    notes = tx.log.key_statements()
    statements = [parse_statement(parse_note(note).text) for note in notes]
    return {
        "v": KEYS_VERSION,
        "log": head.origin,
        "key": key,
        "recovery": recovery_of(statements),
        "statements": list(notes),
    }


def head_shown(tx: Transaction, *, witnessed: bool) -> LogHead | None:
    """The head to which proofs lead: what is published, or as far as it is witnessed."""
    head = tx.log.head()
    if not witnessed or head is None:
        return head
    found = tx.log.witnessed()
    return None if found is None else replace(head, published=found.size, checkpoint=found.checkpoint)


def hashes_of(tx: Transaction, wanted: Sequence[Sequence[Span]], size: int) -> list[list[bytes]]:
    """The hashes of the spans of several proofs; what several need is read and computed once."""
    tiles = tiles_from(tx, sorted(tiles_for(chain.from_iterable(wanted), size)))
    known: dict[Tile, list[list[bytes]]] = {}
    return [[span_from(span, size, tiles, known) for span in spans] for spans in wanted]


def consistency_hashes(tx: Transaction, old: int, new: int) -> list[bytes]:
    """The proof that the tree of `new` leaves begins with that of `old` (RFC 6962 §2.1.2)."""
    (hashes,) = hashes_of(tx, [consistency_spans(old, new)], new)
    return hashes


def proven(tx: Transaction, item_id: str, head: LogHead, key: str, most: int) -> ItemProof:
    """The item's latest `most` events in the tree of that head."""
    found, waiting = _events(tx, item_id, head, most)
    return ItemProof(item_id, key, head.checkpoint, found, waiting)


def proven_case(tx: Transaction, case_id: str, head: LogHead, key: str, most: int) -> CaseProof:
    """The same of a case's own events."""
    found, waiting = _events(tx, case_id, head, most)
    return CaseProof(case_id, key, head.checkpoint, found, waiting)


def _events(tx: Transaction, subject: str, head: LogHead, most: int) -> tuple[list[ProvenEvent], int]:
    size = head.published
    logged = tx.log.of_subject(subject, size, most)
    hashes = hashes_of(tx, [inclusion_spans(one.number, size) for one in logged], size)
    found = [
        ProvenEvent(one.leaf, tlog_proof(one.number, proof, head.checkpoint), one.salt, one.detail)
        for one, proof in zip(logged, hashes, strict=True)
    ]
    return found, tx.log.waiting(subject, size)
