"""`custos rebuild`: a lost catalogue from the store alone, and what could not be found again, said.

In this order: the rows as the journal has them; the log, from its first leaf, with what its events' details
said; what the log says was disposed of; the manifests, for what rows do not know. All of it goes into a new
file, which takes the catalogue's place at the end: a crash before that leaves nothing, and it is begun anew.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from custody.bodies import MARK as BODIES
from custody.disposed_again import DisposedAgain
from custody.journal_reading import chunks, readable
from custody.key_files import open_signer
from custody.replaying import Ran, Replaying
from custody.signing import FileSigner
from custody.tiles import WIDTH
from custos.catalogue_place import catalogue_of
from custos.clock import SystemClock
from custos.settings import Settings
from custos.stores import Stores, open_stores
from evidence.canonical import Json
from evidence.dispatch import zone_of
from evidence.errors import Conflict
from evidence.events import EventDraft, EventType, parse_event
from evidence.journal import Entry
from evidence.ports.log import Replayed
from ingest.restoring import Found, Restoring
from storage.catalogue.catalogue import open_catalogue
from storage.catalogue.engine import is_begun
from storage.catalogue.restoring import Restoration
from storage.catalogue.transfer import transfer

_NAME = "catalogue.rebuilding"
#: What only says that something was looked at, or that a process began or ended: no row but its own follows.
_CHANGES_NOTHING = (
    "emitter.", "viewing.", "playback.", "access.", "session.", "alarm.", "log.", "catalogue.",
)  # fmt: skip
_SHOWN = (".shown", ".exported", ".refused")


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What was found. `through`: all that the log's first so many leaves changed is in the rows; None: there
    was no journal. `cut_off`: rows that referred to what is not there. `lost`: later events by their type."""

    entries: int
    through: int | None
    is_whole: bool
    cut_off: int
    log: Ran
    items: Found
    lost: Mapping[str, int] = field(default_factory=dict)


async def rebuild(
    settings: Settings,
    reason: str,
    *,
    with_journal: bool = True,
    say: Callable[[str], None] = lambda words: None,
) -> Rebuilt:
    """Restore the catalogue of `settings`, which must not be there; durable on return, and on record.

    Raises Conflict("catalogue-there"), Unavailable("key-lost"), Conflict("journal-broken"),
    Conflict("journal-unfit"), Conflict("nothing-to-replay"), Conflict("not-ours"), Conflict("log-forked"),
    and what opening the store raises. What raised left no catalogue.
    """
    await require_no_catalogue(settings)
    where = catalogue_of(settings)
    await asyncio.to_thread(settings.work_directory.mkdir, 0o700, True, True)
    signer = await asyncio.to_thread(partial(open_signer, settings.keys, is_first=False))
    stores = await asyncio.to_thread(open_stores, settings)
    file = settings.catalogue_file
    await asyncio.to_thread(file.parent.mkdir, 0o700, True, True)
    building = file.with_name(_NAME)
    await asyncio.to_thread(_remove, building)
    try:
        rebuilt = await _build(settings, stores, signer, building, reason, with_journal, say)
        if isinstance(where, Path):
            await asyncio.to_thread(_put_in_place, building, where)
        else:
            await asyncio.to_thread(
                transfer, building, where, lambda table, rows: say(f"database: {table}, {rows:,} rows")
            )
    finally:
        await asyncio.to_thread(_remove, building)
    return rebuilt


async def require_no_catalogue(settings: Settings) -> None:
    """Raises Conflict("catalogue-there")."""
    if await asyncio.to_thread(is_begun, catalogue_of(settings)):
        raise Conflict(
            "catalogue-there",
            "There is a catalogue where this is to put one. If it is damaged, move it out of the way first, "
            "with all that lies beside it, and keep it.",
        )


async def _build(
    settings: Settings,
    stores: Stores,
    signer: FileSigner,
    building: Path,
    reason: str,
    with_journal: bool,
    say: Callable[[str], None],
) -> Rebuilt:
    entries, through, is_whole, cut = await _rows(stores, signer, building, with_journal, say)
    clock = SystemClock()
    zone = zone_of(settings.ingest.clock_zone)
    async with open_catalogue(building, clock, "rebuild", zone) as catalogue:
        lost: Counter[str] = Counter()
        disposed: dict[str, Replayed] = {}
        certified: dict[str, str] = {}

        def told(first: int, size: int, rows: Sequence[Replayed]) -> None:
            _note(first, rows, through or 0, lost, disposed, certified)
            say(f"log: {first + len(rows):,} of {size:,} leaves")

        replaying = Replaying(catalogue, stores.log, signer.note_key, clock)
        ran = await replaying.lead(told)
        if not ran.without_detail:
            kept = str(ran.after // WIDTH * WIDTH)
            await catalogue.write(lambda tx: tx.journal.keep_mark(BODIES, kept))
        again = DisposedAgain(catalogue, stores.objects, signer.public_pem)
        await again.run(disposed, certified)
        restoring = Restoring(catalogue, stores.objects, signer, clock)
        items = await restoring.run(disposed, lambda count: say(f"manifests: {count:,}"))
        rebuilt = Rebuilt(entries, through, is_whole, cut, ran, items, dict(sorted(lost.items())))
        draft = EventDraft(EventType.CATALOGUE_REBUILT, None, clock.now(), detail=_detail(rebuilt, reason))
        await catalogue.record(draft)
    return rebuilt


async def _rows(
    stores: Stores, signer: FileSigner, building: Path, with_journal: bool, say: Callable[[str], None]
) -> tuple[int, int | None, bool, int]:
    """Fill it from the journal: entries, how far that goes, whether it is whole, rows cut off."""
    journal = await readable(stores.journal, signer.note_key) if with_journal else None
    restoration = await asyncio.to_thread(Restoration, building)
    entries = 0
    try:
        if journal is not None:
            async for chunk in chunks(stores.journal, journal):
                some = await asyncio.to_thread(chunk.entries)
                await asyncio.to_thread(_apply, restoration, chunk.header.schema, some)
                entries += len(some)
                say(f"journal: chunk {chunk.header.number:,} of {journal.last.header.number:,}")
        cut = await asyncio.to_thread(restoration.finish)
    finally:
        await asyncio.to_thread(restoration.close)
    if journal is None:
        return 0, None, False, cut
    return entries, journal.last.header.through, journal.is_whole, cut


def _apply(restoration: Restoration, schema: str, entries: Sequence[Entry]) -> None:
    try:
        restoration.apply(schema, entries)
    except ValueError as error:
        raise Conflict(
            "journal-unfit",
            f"The journal in the store does not fit this version of Custos: {error}. Use the version that "
            "wrote it, or a newer one.",
        ) from error


def _note(
    first: int,
    rows: Sequence[Replayed],
    through: int,
    lost: Counter[str],
    disposed: dict[str, Replayed],
    certified: dict[str, str],
) -> None:
    for number, row in enumerate(rows, first):
        said = parse_event(row.data)
        kind = str(said["type"])
        if kind == EventType.ITEM_DISPOSED:
            disposed |= dict.fromkeys(_subjects_of(said, "item"), row)
        elif kind == EventType.DISPOSAL_CERTIFIED:
            digests = said["digests"]
            assert isinstance(digests, Mapping)
            certified |= dict.fromkeys(_subjects_of(said, "disposal"), str(digests["sha256"]))
        if number >= through and not kind.startswith(_CHANGES_NOTHING) and not kind.endswith(_SHOWN):
            lost[kind] += 1


def _subjects_of(event: Mapping[str, Json], kind: str) -> list[str]:
    subjects = event["subjects"]
    assert isinstance(subjects, list)
    return [str(one["id"]) for one in subjects if isinstance(one, Mapping) and one["kind"] == kind]


def _detail(rebuilt: Rebuilt, reason: str) -> dict[str, Json]:
    items = rebuilt.items
    return {
        "reason": reason,
        "entries": rebuilt.entries,
        "through": rebuilt.through,
        "whole": rebuilt.is_whole,
        "cut_off": rebuilt.cut_off,
        "leaves": rebuilt.log.after,
        "without_detail": rebuilt.log.without_detail,
        "manifests": items.manifests,
        "restored": items.restored,
        "unlogged": items.unlogged,
        "differing": items.differing,
        "missing": items.missing,
        "lost": rebuilt.lost,
    }


def _remove(path: Path) -> None:
    for one in path.parent.glob(path.name + "*"):
        one.unlink()


def _put_in_place(building: Path, where: Path) -> None:
    """SQLite has folded its write-ahead log into the file when the last connection closed."""
    building.rename(where)
    descriptor = os.open(where.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
