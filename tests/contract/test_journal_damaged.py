"""A journal that is damaged, another's, under a new key, or without its last chunk, in each kind of store."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from custody import journaling
from custody.journal_chunks import noted, parse_chunk
from custody.journal_reading import readable
from custody.journaling import JournalStands
from custody.key_files import open_signer
from custody.notes import Note
from evidence.errors import Conflict
from evidence.keys import JOURNAL, JOURNAL_TAIL, journal_key
from evidence.timekeeping import OFFICE_ZONE
from storage.catalogue.catalogue import open_catalogue
from tests.catalogues import SQLITE_FIRST_CEPH_TOO
from tests.contract.test_custody_log import NOW, Place
from tests.contract.test_journal import At, agent, journal_of, restored, rows_of, store_of, written

catalogues = SQLITE_FIRST_CEPH_TOO

TAIL = f"{JOURNAL}/{JOURNAL_TAIL}"


@pytest.fixture
async def place(place: Place) -> Place:
    """The log has begun."""
    await place.sequencer().run()
    return place


def lies(place: Place, key: str) -> bytes:
    """What is read of it."""
    if place.bucket is None:
        return (place.base / "store" / "objects" / key).read_bytes()
    found: bytes = place.bucket.bucket.ask("get_object", Key=key)["Body"].read()
    return found


def lay(place: Place, key: str, data: bytes) -> None:
    """Other bytes in the place of what lies there, or over what is locked, with the service's rights."""
    if place.bucket is not None:
        place.bucket.bucket.drop_below(key)
        place.bucket.bucket.ask("put_object", Key=key, Body=data)
        return
    path = place.base / "store" / "objects" / key
    path.chmod(0o600)
    path.write_bytes(data)


def take_away(place: Place, key: str) -> None:
    """The file, or every version of it that is not locked."""
    if place.bucket is not None:
        place.bucket.bucket.drop_below(key)
    else:
        (place.base / "store" / "objects" / key).unlink()


async def many_chunks(place: Place, monkeypatch: pytest.MonkeyPatch, agents: int = 40) -> None:
    """Several that are closed, and the last."""
    monkeypatch.setattr(journaling, "CHUNK_BYTES", 800)
    monkeypatch.setattr(journaling, "STEP", 10)
    monkeypatch.setattr(journaling, "SCANNED", 10)
    for number in range(agents):
        await agent(place, f"a{number}")
    await written(journal_of(place))


@pytest.mark.parametrize("key", [TAIL, journal_key(0)])
async def test_damage_is_told_and_nothing_of_it_believed(
    place: Place, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    await many_chunks(place, monkeypatch)
    if place.bucket is not None and key != TAIL:
        # Nobody changes what a bucket has locked: see below.
        return
    whole = lies(place, key)
    drawn = random.Random(7)
    for at in sorted(drawn.sample(range(len(whole)), 60)):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << drawn.randrange(8)
        lay(place, key, bytes(damaged))
        with pytest.raises(Conflict) as refusal:
            await readable(store_of(place), place.signer.note_key)
        assert refusal.value.code == "journal-broken"
    lay(place, key, whole[:-1])
    with pytest.raises(Conflict):
        await readable(store_of(place), place.signer.note_key)
    if key != TAIL:
        take_away(place, key)
        with pytest.raises(Conflict, match="missing"):
            await readable(store_of(place), place.signer.note_key)


@pytest.mark.parametrize(
    "catalogues", ["postgresql", pytest.param("ceph", marks=pytest.mark.long)], indirect=True
)
async def test_what_is_laid_over_a_closed_chunk_in_a_bucket_is_not_read(
    place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    await many_chunks(place, monkeypatch, 9)
    before = await readable(store_of(place), place.signer.note_key)
    take_away(place, journal_key(0))
    lay(place, journal_key(1), b"something else")
    assert await readable(store_of(place), place.signer.note_key) == before
    # And it is gone on with.
    await agent(place, "later")
    await written(journal_of(place))
    assert await restored(place, tmp_path / "r.db") == await rows_of(place.catalogue)


async def test_another_installations_journal_is_not_gone_on_with(place: Place, tmp_path: Path) -> None:
    await written(journal_of(place))
    lying = lies(place, TAIL)
    async with open_catalogue(tmp_path / "other.db", At(NOW), "test", OFFICE_ZONE) as catalogue:
        other = replace(place, catalogue=catalogue, signer=open_signer(tmp_path / "other"))
        await catalogue.write(lambda tx: tx.log.begin("another.test/log"))
        with pytest.raises(JournalStands) as stands:
            await journal_of(other).run()
        assert stands.value.code == "journal-stands"
        alarms = await catalogue.read(lambda tx: tx.oversight.alarms())
        assert [one.kind for one in alarms] == ["journal-stands"]
    assert lies(place, TAIL) == lying
    with pytest.raises(Conflict, match="not signed"):
        await readable(store_of(place), other.signer.note_key)
    await agent(place, "a")
    await written(journal_of(place))


async def test_a_chunk_that_somebody_else_signed_is_not_gone_on_with(place: Place, tmp_path: Path) -> None:
    await written(journal_of(place))
    lying = parse_chunk(lies(place, TAIL))
    header = replace(lying.header, through=lying.header.through + 1)
    signature = open_signer(tmp_path / "other").sign_note(header.text(), header.origin)
    forged = noted(header, Note(header.text(), (signature,)), lying.body).encoded()
    lay(place, TAIL, forged)
    await agent(place, "a")
    with pytest.raises(JournalStands, match="another key"):
        await journal_of(place).run()
    assert lies(place, TAIL) == forged


@pytest.mark.parametrize("is_closed", [False, True])
async def test_under_a_new_key_it_goes_on_and_is_signed_at_once(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_closed: bool
) -> None:
    if is_closed:
        monkeypatch.setattr(journaling, "CHUNK_BYTES", 1)
    await agent(place, "a")
    await written(journal_of(place))
    after = replace(place, signer=open_signer(tmp_path / "next"))
    await written(journal_of(after))
    found = await readable(store_of(place), after.signer.note_key)
    assert found is not None
    # It is the same journal: nothing was told again.
    assert found.first == 0
    with pytest.raises(Conflict, match="not signed"):
        await readable(store_of(place), place.signer.note_key)
    await agent(after, "b")
    await written(journal_of(after))
    assert await restored(after, tmp_path / "r.db") == await rows_of(place.catalogue)


async def test_without_its_tail_the_closed_chunks_are_there(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await many_chunks(place, monkeypatch)
    number = parse_chunk(lies(place, TAIL)).header.number
    take_away(place, TAIL)
    found = await readable(store_of(place), place.signer.note_key)
    assert found is not None
    assert found.last.header.number == number - 1
    await written(journal_of(place))
    assert await restored(place, tmp_path / "r.db") == await rows_of(place.catalogue)
