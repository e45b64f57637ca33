"""`custos migrate`: an embedded installation to a PostgreSQL, to a bucket, or to both.

In this order: the keeper of the log runs once more, so that everything is in the store; the store into the
bucket, each object read back; the catalogue into the database, each table compared; that it was done, on
record there; then what it was moved from is set aside, under another name, and nothing of it is removed.
Nothing else runs meanwhile. A move that broke off is begun again with the same words and goes on.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from custody.durable import replace as put_in_place
from custos.catalogue_place import catalogue_of
from custos.clock import SystemClock
from custos.log_keeper import open_sequencer
from custos.settings import Settings
from custos.stores import MOVED, place_of
from evidence.canonical import Json
from evidence.dispatch import zone_of
from evidence.errors import Conflict, Invalid
from evidence.events import EventDraft, EventType
from storage.catalogue.catalogue import open_catalogue
from storage.catalogue.engine import is_begun
from storage.catalogue.transfer import digests_of, transfer
from storage.objects.s3.moving import Moved


@dataclass(frozen=True, slots=True)
class Migrated:
    """What is where: objects in the bucket, the digest of each table; None and empty where that stayed."""

    store: Moved | None
    tables: Mapping[str, str]
    aside: tuple[Path, ...]


class _Notes:
    """What of a move is done, in a directory that is kept with what was set aside."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.objects = directory / "objects"
        self._steps = directory / "steps.json"

    def read(self) -> dict[str, Json]:
        """What was noted of the steps."""
        found: dict[str, Json] = json.loads(self._steps.read_text()) if self._steps.exists() else {}
        return found

    def note(self, **steps: Json) -> None:
        """Add to it; durable, whole or not at all."""
        put_in_place(self._steps, json.dumps({**self.read(), **steps}).encode(), 0o600)


async def migrate(
    old: Settings, new: Settings, reason: str, say: Callable[[str], None] = lambda words: None
) -> Migrated:
    """Move from what `old` names to what `new` names; durable on return, and on record.

    Both have the same data directory. Raises Invalid("nothing-to-move"), Conflict("catalogue-there"),
    Conflict("other-in-bucket"), Conflict("not-as-moved"), Conflict("catalogue-differs"), and what opening
    either place raises. What was moved from is as it was until all of it is proven.
    """
    _require_a_move(old, new)
    to_database, to_bucket = new.catalogue.url is not None, new.s3.bucket is not None
    notes = _Notes(old.data / "migration")
    if "recorded" not in await asyncio.to_thread(notes.read):
        if not await asyncio.to_thread(is_begun, catalogue_of(old)):
            raise Invalid("nothing-to-move", "At the old place nothing was begun: there is no catalogue.")
        # What is in the database already has to be what it was made from.
        if not (to_database and await asyncio.to_thread(is_begun, catalogue_of(new))):
            await _kept(old)
        moved = await _moved_store(old, new, notes, say) if to_bucket else None
        tables = await _moved_catalogue(old, new, notes, say) if to_database else {}
        await _record(new, moved, tables, reason)
        store: Json = None if moved is None else [moved.objects, moved.bytes, moved.digest]
        await asyncio.to_thread(partial(notes.note, recorded=True, store=store, catalogue=tables))
    return await asyncio.to_thread(_set_aside, old, notes, to_database, to_bucket)


def _require_a_move(old: Settings, new: Settings) -> None:
    if old.catalogue.url is not None or old.s3.bucket is not None:
        raise Invalid(
            "not-embedded", "Only an installation on one machine's own disk is moved: see docs/many.md."
        )
    if old.data != new.data:
        raise Invalid("other-data", "Both files have to name the same `data`: keys and staging stay there.")
    if new.catalogue.url is None and new.s3.bucket is None:
        raise Invalid("nothing-to-move", "The new file names neither `catalogue.url` nor `s3.bucket`.")


async def _kept(settings: Settings) -> None:
    """All that has happened is in the log, and log and journal are in the store."""
    async with open_sequencer(settings) as kept:
        for run in (kept.sequencer.run, kept.bodies.run, kept.journal.run):
            await run()
        while await kept.bodies.run() or await kept.journal.run():
            pass


async def _moved_store(old: Settings, new: Settings, notes: _Notes, say: Callable[[str], None]) -> Moved:
    from storage.objects.s3.checking import require_fit
    from storage.objects.s3.client import Bucket
    from storage.objects.s3.moving import move
    from storage.objects.s3.store import S3Store

    place = place_of(new)
    assert place is not None

    def run() -> Moved:
        bucket = Bucket(place)
        require_fit(bucket)
        target = S3Store(bucket, new.work_directory / "fetched")
        return move(
            old.store, target, notes.objects, lambda done, of: say(f"store: {done:,} of {of:,} objects")
        )

    return await asyncio.to_thread(run)


async def _moved_catalogue(
    old: Settings, new: Settings, notes: _Notes, say: Callable[[str], None]
) -> Mapping[str, str]:
    """The digests of its tables. Once it is noted as moved, the database may have gone on by its record."""
    noted = (await asyncio.to_thread(notes.read)).get("catalogue")
    if isinstance(noted, Mapping):
        tables = await asyncio.to_thread(digests_of, old.catalogue_file)
        if tables != noted:
            raise Conflict(
                "moved-and-went-on",
                "The old catalogue went on after it was moved. Give an empty database and an empty bucket, "
                "remove the directory `migration` in the data directory, and begin the move anew.",
            )
        return tables
    tables = await asyncio.to_thread(
        transfer,
        old.catalogue_file,
        str(catalogue_of(new)),
        lambda table, rows: say(f"catalogue: {table}, {rows:,} rows"),
    )
    await asyncio.to_thread(partial(notes.note, catalogue=dict(tables)))
    return tables


async def _record(new: Settings, moved: Moved | None, tables: Mapping[str, str], reason: str) -> None:
    clock = SystemClock()
    detail: dict[str, Json] = {
        "reason": reason,
        "tables": tables,
        "objects": None if moved is None else moved.objects,
        "bytes": None if moved is None else moved.bytes,
        "digest": None if moved is None else moved.digest,
    }
    draft = EventDraft(EventType.INSTALLATION_MOVED, None, clock.now(), detail=detail)
    zone = zone_of(new.ingest.clock_zone)
    async with open_catalogue(catalogue_of(new), clock, "migrate", zone) as catalogue:
        await catalogue.record(draft)


def _set_aside(old: Settings, notes: _Notes, to_database: bool, to_bucket: bool) -> Migrated:
    moved = [old.store] if to_bucket else []
    moved += [old.catalogue_file.parent] if to_database else []
    aside = []
    for path in moved:
        away = path.with_name(path.name + MOVED)
        if path.exists():
            if away.exists():
                raise Conflict(
                    "moved-before", f"{away.name} is there from another move. Take it out of the way."
                )
            path.rename(away)
        aside.append(away)
    steps = notes.read()
    store, tables = steps.get("store"), steps.get("catalogue", {})
    assert isinstance(tables, Mapping)
    found = Moved(int(str(store[0])), int(str(store[1])), str(store[2])) if isinstance(store, list) else None
    return Migrated(found, {name: str(digest) for name, digest in tables.items()}, tuple(aside))
