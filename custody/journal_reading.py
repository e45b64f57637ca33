"""The journal read back: from the chunk with which to begin to the last, none of it believed before all fits.

The last chunk is signed by the log's key; each names the digest of the one before it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from custody.journal_chunks import Chunk, digest_of, parse_chunk, require_ours
from evidence.errors import Conflict
from evidence.ports.journal import JournalStore


@dataclass(frozen=True, slots=True)
class Readable:
    """A journal whose chunks fit: from `first` to `last`; `is_whole`: a scan of everything is among them."""

    first: int
    last: Chunk
    is_whole: bool


async def readable(store: JournalStore, public: bytes) -> Readable | None:
    """The store's journal once it was checked; None: there is none.

    Raises Conflict("journal-broken") where it is not the journal that this installation's key has signed.
    """
    data = await store.tail()
    if data is None:
        newest = await store.newest()
        data = None if newest is None else await store.read(newest)
    if data is None:
        return None
    last = _parsed(data)
    try:
        require_ours(last, public)
    except ValueError as error:
        raise _broken("its last chunk is not signed by this installation's key") from error
    begin = last.header.restore_from
    first = 0 if begin is None else begin
    if first > last.header.number:
        raise _broken("it says to begin behind its end")
    previous = last.header.previous
    for number in range(last.header.number - 1, first - 1, -1):
        earlier = await _closed(store, number)
        if digest_of(earlier) != previous:
            raise _broken(f"chunk {number} is not the one that the next one names")
        previous = _parsed(earlier).header.previous
    return Readable(first, last, begin is not None)


async def chunks(store: JournalStore, found: Readable) -> AsyncIterator[Chunk]:
    """Its chunks in their order. Raises Conflict("journal-broken") where one went meanwhile."""
    for number in range(found.first, found.last.header.number):
        yield _parsed(await _closed(store, number))
    yield found.last


async def _closed(store: JournalStore, number: int) -> bytes:
    data = await store.read(number)
    if data is None:
        raise _broken(f"chunk {number} is missing")
    return data


def _parsed(data: bytes) -> Chunk:
    try:
        return parse_chunk(data)
    except ValueError as error:
        raise _broken("a chunk is damaged") from error


def _broken(why: str) -> Conflict:
    return Conflict(
        "journal-broken",
        f"The journal of the catalogue in the store cannot be relied on: {why}. Keep the store as it is, and "
        "call whoever audits this installation. `--without-journal` restores what manifests and log tell.",
    )
