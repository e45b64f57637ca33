"""A journal that is damaged, another's, under a new key, or without its last chunk."""

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
from evidence.timekeeping import OFFICE_ZONE
from storage.catalogue.catalogue import open_catalogue
from tests.contract.test_custody_log import NOW, Place, opened
from tests.contract.test_journal import At, agent, journal_of, restored, rows_of, store_of, written


@pytest.fixture
async def place(place: Place) -> Place:
    """The log has begun."""
    await place.sequencer().run()
    return place


@pytest.mark.parametrize("which", ["tail", "000"])
async def test_damage_is_told_and_nothing_of_it_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    monkeypatch.setattr(journaling, "CHUNK_BYTES", 800)
    monkeypatch.setattr(journaling, "STEP", 10)
    monkeypatch.setattr(journaling, "SCANNED", 10)
    async with opened(tmp_path) as place:
        await place.sequencer().run()
        for number in range(40):
            await agent(place, f"a{number}")
        await written(journal_of(place))
        objects = tmp_path / "store" / "objects" / "catalogue"
        path = next(path for path in sorted(objects.rglob(which)) if path.is_file())
        whole = path.read_bytes()
        path.chmod(0o600)
        drawn = random.Random(7)
        for at in sorted(drawn.sample(range(len(whole)), 60)):
            damaged = bytearray(whole)
            damaged[at] ^= 1 << drawn.randrange(8)
            path.write_bytes(damaged)
            with pytest.raises(Conflict) as refusal:
                await readable(store_of(place), place.signer.note_key)
            assert refusal.value.code == "journal-broken"
        path.write_bytes(whole[:-1])
        with pytest.raises(Conflict):
            await readable(store_of(place), place.signer.note_key)
        if which == "000":
            path.unlink()
            with pytest.raises(Conflict, match="missing"):
                await readable(store_of(place), place.signer.note_key)


async def test_another_installations_journal_is_not_gone_on_with(tmp_path: Path) -> None:
    async with opened(tmp_path) as place:
        await place.sequencer().run()
        await written(journal_of(place))
        tail = tmp_path / "store" / "objects" / "catalogue" / "tail"
        lying = tail.read_bytes()
        async with open_catalogue(tmp_path / "other.db", At(NOW), "test", OFFICE_ZONE) as catalogue:
            other = replace(place, catalogue=catalogue, signer=open_signer(tmp_path / "other"))
            await catalogue.write(lambda tx: tx.log.begin("another.test/log"))
            with pytest.raises(JournalStands) as stands:
                await journal_of(other).run()
            assert stands.value.code == "journal-stands"
            alarms = await catalogue.read(lambda tx: tx.oversight.alarms())
            assert [one.kind for one in alarms] == ["journal-stands"]
        assert tail.read_bytes() == lying
        with pytest.raises(Conflict, match="not signed"):
            await readable(store_of(place), other.signer.note_key)
        await agent(place, "a")
        await written(journal_of(place))


async def test_a_chunk_that_somebody_else_signed_is_not_gone_on_with(tmp_path: Path) -> None:
    async with opened(tmp_path) as place:
        await place.sequencer().run()
        await written(journal_of(place))
        tail = tmp_path / "store" / "objects" / "catalogue" / "tail"
        lying = parse_chunk(tail.read_bytes())
        header = replace(lying.header, through=lying.header.through + 1)
        signature = open_signer(tmp_path / "other").sign_note(header.text(), header.origin)
        forged = noted(header, Note(header.text(), (signature,)), lying.body).encoded()
        tail.write_bytes(forged)
        await agent(place, "a")
        with pytest.raises(JournalStands, match="another key"):
            await journal_of(place).run()
        assert tail.read_bytes() == forged


@pytest.mark.parametrize("is_closed", [False, True])
async def test_under_a_new_key_it_goes_on_and_is_signed_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_closed: bool
) -> None:
    if is_closed:
        monkeypatch.setattr(journaling, "CHUNK_BYTES", 1)
    async with opened(tmp_path) as place:
        await place.sequencer().run()
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
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journaling, "CHUNK_BYTES", 800)
    monkeypatch.setattr(journaling, "STEP", 10)
    monkeypatch.setattr(journaling, "SCANNED", 10)
    async with opened(tmp_path) as place:
        await place.sequencer().run()
        for number in range(40):
            await agent(place, f"a{number}")
        await written(journal_of(place))
        tail = tmp_path / "store" / "objects" / "catalogue" / "tail"
        number = parse_chunk(tail.read_bytes()).header.number
        tail.unlink()
        found = await readable(store_of(place), place.signer.note_key)
        assert found is not None
        assert found.last.header.number == number - 1
        await written(journal_of(place))
        assert await restored(place, tmp_path / "r.db") == await rows_of(place.catalogue)
