"""What every `Disposer` promises, beside the store whose objects it removes."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from evidence.errors import Conflict
from evidence.ids import new_id
from evidence.items import Item, Submission
from evidence.keys import manifest_key, original_key, rendition_key
from evidence.ports.objects import NotStored
from storage.objects.disk import set_immutable
from storage.objects.disposer import FilesystemDisposer
from storage.objects.filesystem import FilesystemStore

NOW = datetime(2026, 11, 22, tzinfo=UTC)
UNTIL = NOW + timedelta(days=7)
SHA256 = "ab" * 32


class Shelf:
    """A store and what destroys in it, and items that lie there whole."""

    def __init__(self, root: Path, *, immutable: bool) -> None:
        self.root = root
        self.store = FilesystemStore(root, immutable=immutable)
        self.disposer = FilesystemDisposer(root)

    async def item(self) -> Item:
        item_id = new_id(NOW)
        key = original_key(item_id, SHA256, NOW)
        await self.store.put(key, b"bytes", locked_until=UNTIL)
        await self.store.put(manifest_key(key), b"{}", locked_until=UNTIL)
        for name in ("playable.mp4", "poster.jpg"):
            made = self.root / "made"
            made.write_bytes(b"made")
            await self.store.put_rendition(rendition_key(item_id, new_id(NOW), name), made)
        return Item(
            item_id, new_id(NOW), "u", new_id(NOW), Submission("f"), "video", "video/mp4", 5, SHA256, 0, key,
            NOW, UNTIL,
        )  # fmt: skip


@pytest.fixture(params=["filesystem", "filesystem-immutable"])
async def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Shelf]:
    yield Shelf(tmp_path / "store", immutable=request.param == "filesystem-immutable")
    for path in (tmp_path / "store" / "objects").rglob("*"):
        if path.is_file():
            set_immutable(path, on=False)


async def test_everything_of_an_item_is_found_and_nothing_of_another(shelf: Shelf) -> None:
    item, other = await shelf.item(), await shelf.item()
    keys = await shelf.disposer.keys_of(item)
    assert len(keys) == 4
    assert {item.key, manifest_key(item.key)} < {*keys}
    assert not {*keys} & {*await shelf.disposer.keys_of(other)}
    assert await shelf.disposer.locked_until(item) == UNTIL
    later = UNTIL + timedelta(days=1)
    await shelf.store.extend_lock(manifest_key(item.key), later)
    assert await shelf.disposer.locked_until(item) == later
    assert await shelf.disposer.keys_of(replace(item, id=new_id(NOW), key="originals/2026/11/none/x")) == []


async def test_what_is_removed_is_gone_and_its_neighbours_stay(shelf: Shelf) -> None:
    item, other = await shelf.item(), await shelf.item()
    keys = await shelf.disposer.keys_of(item)
    for _ in range(2):
        for key in keys:
            await shelf.disposer.dispose(key, UNTIL)
            with pytest.raises(NotStored):
                await shelf.store.stat(key)
    assert await shelf.disposer.keys_of(item) == []
    assert len(await shelf.disposer.keys_of(other)) == 4
    objects = shelf.root / "objects"
    assert not [one for one in objects.rglob("*") if item.id in str(one)]
    assert (objects / "originals" / "2026" / "11").is_dir()


async def test_what_is_locked_or_held_is_not_touched(shelf: Shelf) -> None:
    item = await shelf.item()
    just_before = UNTIL - timedelta(microseconds=1)
    with pytest.raises(Conflict) as error:
        await shelf.disposer.dispose(item.key, just_before)
    assert error.value.code == "locked"
    for held, again in ((True, False), (True, True)):
        for _ in range(2):
            await shelf.store.set_hold(item.key, held)
        assert (await shelf.store.stat(item.key)).held
        assert await shelf.disposer.is_held(item)
        with pytest.raises(Conflict) as error:
            await shelf.disposer.dispose(item.key, UNTIL + timedelta(days=9999))
        assert error.value.code == "held"
        await shelf.store.set_hold(item.key, again)
    assert (await shelf.store.stat(item.key)).size == 5
    await shelf.store.set_hold(item.key, False)
    assert not await shelf.disposer.is_held(item)
    assert (await shelf.store.stat(item.key)).locked_until == UNTIL
    await shelf.disposer.dispose(item.key, UNTIL)


async def test_a_rendition_that_is_held_is_not_discarded(shelf: Shelf) -> None:
    item = await shelf.item()
    key = (await shelf.disposer.keys_of(item))[-1]
    assert key.startswith("renditions/")
    await shelf.store.set_hold(key, True)
    with pytest.raises(Conflict) as error:
        await shelf.store.discard_rendition(key)
    assert error.value.code == "held"
    await shelf.store.set_hold(key, False)
    await shelf.store.discard_rendition(key)


async def test_nothing_can_be_held_that_is_not_there(shelf: Shelf) -> None:
    with pytest.raises(NotStored):
        await shelf.store.set_hold(original_key(new_id(NOW), SHA256, NOW), True)


@pytest.mark.parametrize("key", ["../x", "originals/../../x", "/etc/passwd", "a//b", ""])
async def test_no_key_leaves_the_store(shelf: Shelf, tmp_path: Path, key: str) -> None:
    outside = tmp_path / "x"
    outside.write_bytes(b"stays")
    with pytest.raises(ValueError, match="key"):
        await shelf.disposer.dispose(key, UNTIL)
    assert outside.exists()


async def test_a_crash_after_the_flag_went_is_finished(shelf: Shelf) -> None:
    item = await shelf.item()
    path = shelf.root / "objects" / item.key
    set_immutable(path, on=False)
    await shelf.disposer.dispose(item.key, UNTIL)
    assert not os.path.lexists(path)
