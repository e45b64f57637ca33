"""The journal over both catalogues and both stores: what it tells is what the catalogue says."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Boolean, Integer, LargeBinary
from sqlalchemy.sql.sqltypes import BigInteger

from custody import journaling
from custody.journal_reading import chunks, readable
from custody.journaling import Journal
from evidence.agents import Agent, AgentKind, Role
from evidence.errors import Unavailable
from evidence.ids import new_pseudonym
from evidence.journal import SCAN_EVERY, Entry
from evidence.ports.catalogue import Catalogue
from evidence.ports.journal import JournalStore
from evidence.timekeeping import OFFICE_ZONE
from storage.catalogue.catalogue import open_catalogue
from storage.catalogue.engine import Where, migrate, open_engine
from storage.catalogue.journalled import NOT_JOURNALLED, QUIET, journalled
from storage.catalogue.restoring import Restoration
from storage.catalogue.schema import metadata
from storage.objects.filesystem import FilesystemStore
from storage.objects.heads import CATALOGUE
from storage.objects.journal import StoreJournal
from storage.objects.log_files import LogFiles
from storage.objects.s3.log import S3Log
from storage.objects.s3.store import S3Store
from tests.catalogues import CEPH_TOO, Catalogues, ask
from tests.contract.test_custody_log import NOW, Place, opened

catalogues = CEPH_TOO


class At:
    """A clock that stands where it is put."""

    def __init__(self, now: datetime) -> None:
        self.time = now

    def now(self) -> datetime:
        return self.time

    def source(self) -> str:
        return "a clock that is put"


@pytest.fixture
async def place(place: Place) -> Place:
    """The log has begun."""
    await place.sequencer().run()
    return place


def store_of(place: Place) -> JournalStore:
    if place.bucket is not None:
        return StoreJournal(place.bucket, S3Log(place.bucket, CATALOGUE))
    files = FilesystemStore(place.base / "store", immutable=False)
    return StoreJournal(files, LogFiles(place.base / "store", files, CATALOGUE))


def journal_of(place: Place, clock: At | None = None) -> Journal:
    return Journal(place.catalogue, store_of(place), place.signer, clock or At(NOW))


async def written(journal: Journal) -> None:
    while await journal.run():
        pass


async def rows_of(catalogue: Catalogue) -> dict[tuple[object, ...], Entry]:
    """Every row that is journalled, as the catalogue says."""
    found: dict[tuple[object, ...], Entry] = {}
    position = None
    while True:
        entries, position = await catalogue.read(lambda tx, after=position: tx.journal.scan(after, 700))  # type: ignore[misc]
        found |= {(one.table, *one.key): one for one in entries}
        if position is None:
            return found


async def restored(place: Place, path: Path) -> dict[tuple[object, ...], Entry]:
    """The rows of a catalogue that is restored from the store's journal."""
    found = await readable(store_of(place), place.signer.note_key)
    assert found is not None
    restoration = Restoration(path)
    async for chunk in chunks(store_of(place), found):
        restoration.apply(chunk.header.schema, chunk.entries())
    assert restoration.finish() == 0
    async with open_catalogue(path, At(NOW), "test", OFFICE_ZONE) as catalogue:
        return await rows_of(catalogue)


async def agent(place: Place, name: str) -> str:
    one = Agent(new_pseudonym(), AgentKind.PERSON, name, f"{name} 李明\u2028", Role.OFFICER, "north")
    await place.catalogue.write(lambda tx: tx.agents.add(one, "hash", NOW))
    return one.id


async def test_what_changed_is_told_and_restored(place: Place, tmp_path: Path) -> None:
    journal = journal_of(place)
    first = [await agent(place, f"a{number}") for number in range(30)]
    await written(journal)
    assert await restored(place, tmp_path / "1.db") == await rows_of(place.catalogue)
    await place.catalogue.write(lambda tx: tx.agents.set_disabled(first[0], disabled=True))
    for number in range(3):
        await place.catalogue.write(
            lambda tx, n=number: tx.oversight.count_noise(f"knock {n}", NOW, 2**40 + n)  # type: ignore[misc]
        )
    await place.catalogue.write(lambda tx: tx.units.place("north", "city"))
    await written(journal)
    now = await rows_of(place.catalogue)
    assert await restored(place, tmp_path / "2.db") == now
    assert not await place.catalogue.read(lambda tx: tx.journal.waiting())
    # Another process goes on from what lies there, without telling everything again.
    await place.catalogue.write(lambda tx: tx.units.place("north", None))
    again = journal_of(place)
    await written(again)
    assert await restored(place, tmp_path / "3.db") == await rows_of(place.catalogue) != now
    found = await readable(store_of(place), place.signer.note_key)
    assert found is not None
    assert (found.first, found.last.header.number, found.is_whole) == (0, 0, True)


def test_every_table_is_kept_or_left_out_on_purpose() -> None:
    names = {table.name for table in journalled()}
    assert names | NOT_JOURNALLED == set(metadata.tables)
    for table, quiet in QUIET.items():
        assert table in names
        assert quiet < {column.name for column in metadata.tables[table].columns}
    for table in journalled():
        assert not any(isinstance(column.type, LargeBinary) for column in table.primary_key), table.name


def test_every_change_of_every_table_is_queued(tmp_path: Path) -> None:
    path = tmp_path / "c.db"
    engine = open_engine(path, readers=False)
    migrate(engine)
    engine.dispose()
    queue = "SELECT name, count(*) FROM journal_changes GROUP BY name"
    for table in journalled():
        values = {}
        for column in table.columns:
            kind = column.type
            if isinstance(kind, LargeBinary):
                values[column.name] = "x'00'"
            else:
                is_number = isinstance(kind, (Integer, BigInteger, Boolean))
                values[column.name] = "1" if is_number else "'one'"
        quiet = QUIET.get(table.name, frozenset())
        plain = [one.name for one in table.columns if one.name not in quiet and not one.primary_key][:1]
        names = ", ".join(f'"{name}"' for name in values)
        insert = f"INSERT INTO {table.name} ({names}) VALUES ({', '.join(values.values())})"
        changes = [f'UPDATE {table.name} SET "{name}" = "{name}"' for name in plain]
        silent = [f'UPDATE {table.name} SET "{name}" = "{name}"' for name in sorted(quiet)]
        found = ask(
            path,
            "PRAGMA foreign_keys = OFF",
            "DELETE FROM journal_changes",
            insert,
            *changes,
            *silent,
            f"DELETE FROM {table.name}",
            queue,
        )
        assert found == [(table.name, 2 + len(changes))], table.name


async def test_postgresql_queues_for_every_table_too(
    place: Place, where: Where, catalogues: Catalogues
) -> None:
    if not catalogues.is_postgres:
        return
    query = "SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname LIKE 'journal_of_%'"
    names = {str(row[0]) for row in ask(where, query)}
    assert names == {table.name for table in journalled()}


async def test_a_key_that_changes_is_two_rows(place: Place, where: Where, tmp_path: Path) -> None:
    journal = journal_of(place)
    await place.catalogue.write(lambda tx: tx.units.place("north", "city"))
    await written(journal)
    ask(where, "UPDATE units SET unit = 'south' WHERE unit = 'north'")
    await written(journal)
    assert await restored(place, tmp_path / "r.db") == await rows_of(place.catalogue)


async def test_large_it_goes_on_in_chunks_and_a_scan_makes_it_begin_anew(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journaling, "CHUNK_BYTES", 800)
    monkeypatch.setattr(journaling, "STEP", 10)
    monkeypatch.setattr(journaling, "SCANNED", 10)
    clock = At(NOW)
    journal = journal_of(place, clock)
    for number in range(90):
        await agent(place, f"a{number}")
    await written(journal)
    found = await readable(store_of(place), place.signer.note_key)
    assert found is not None
    last = found.last.header.number
    assert (found.first, last > 2) == (0, True)
    assert await restored(place, tmp_path / "1.db") == await rows_of(place.catalogue)
    clock.time += SCAN_EVERY + timedelta(seconds=1)
    # Breaking off in the middle of a scan, it is finished by another process.
    monkeypatch.setattr(journaling, "_STEPS_IN_ONE", 2)
    assert await journal_of(place, clock).run()
    await agent(place, "meanwhile")
    assert await restored(place, tmp_path / "2.db") == {
        key: row
        for key, row in (await rows_of(place.catalogue)).items()
        if row.row is None or row.row.get("username") != "meanwhile"
    }
    await written(journal_of(place, clock))
    found = await readable(store_of(place), place.signer.note_key)
    assert found is not None
    assert found.first > last
    assert await restored(place, tmp_path / "3.db") == await rows_of(place.catalogue)
    # What came before is not needed any more, and may be gone.
    assert {chunk.header.number async for chunk in chunks(store_of(place), found)} == set(
        range(found.first, found.last.header.number + 1)
    )


async def test_of_two_at_once_neither_loses_anything(place: Place, tmp_path: Path) -> None:
    one, other = journal_of(place), journal_of(place)
    drawn = random.Random(20261129)
    await written(one)
    await written(other)
    for number in range(12):
        await agent(place, f"a{number}")
        writer = drawn.choice((one, other))
        try:
            await writer.run()
        except Unavailable as error:
            assert error.code == "journal-busy"
    for writer in (one, other):
        for _ in range(2):
            try:
                await written(writer)
            except Unavailable as error:
                assert error.code == "journal-busy"
    assert await restored(place, tmp_path / "r.db") == await rows_of(place.catalogue)


async def test_one_that_dies_behind_the_exchange_tells_nothing_twice_otherwise(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await written(journal_of(place))
    await agent(place, "a")
    dying = journal_of(place)

    async def dies(_: object) -> None:
        raise ConnectionError

    write = place.catalogue.write
    writes = iter((write, dies))
    with monkeypatch.context() as patch:
        patch.setattr(place.catalogue, "write", lambda work: next(writes)(work))
        with pytest.raises(ConnectionError):
            await dying.run()
    assert await place.catalogue.read(lambda tx: tx.journal.waiting())
    await written(journal_of(place))
    found = await readable(store_of(place), place.signer.note_key)
    assert found is not None
    # It knew its own chunk again: no scan was made.
    assert (found.first, found.last.header.number) == (0, 0)
    assert await restored(place, tmp_path / "r.db") == await rows_of(place.catalogue)


async def test_put_back_from_a_backup_it_tells_everything_again(
    tmp_path: Path, catalogues: Catalogues, bucket_beside: Callable[[Path], S3Store | None]
) -> None:
    where = catalogues.another()
    base = tmp_path / "here"
    bucket = bucket_beside(base)
    async with opened(base, where, bucket) as place:
        await place.sequencer().run()
        await agent(place, "before")
        await written(journal_of(place))
    backup = catalogues.copy(where)
    async with opened(base, where, bucket) as place:
        await agent(place, "after")
        await written(journal_of(place))
    async with opened(base, backup, bucket) as place:
        await agent(place, "later")
        await written(journal_of(place))
        rows = await rows_of(place.catalogue)
        assert {row.row["username"] for row in rows.values() if row.table == "agents" and row.row} == {
            "before",
            "later",
        }
        assert await restored(place, tmp_path / "r.db") == rows


async def test_what_is_all_told_is_said(place: Place) -> None:
    await agent(place, "a")
    await place.happen(5)
    await place.sequencer().run()
    journal = journal_of(place)
    await written(journal)
    head = await place.catalogue.read(lambda tx: tx.log.head())
    found = await readable(store_of(place), place.signer.note_key)
    assert head is not None
    assert found is not None
    assert found.last.header.through == head.size == 6
    # Events that change no row move it on too.
    await place.happen(3)
    await place.sequencer().run()
    await written(journal)
    found = await readable(store_of(place), place.signer.note_key)
    assert found is not None
    assert found.last.header.through == 9
