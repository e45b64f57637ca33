"""The verifier against logs that the sequencer made, and against everything that can be done to them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clients.verifier.heads import PinnedKey, pin_of, pinned
from clients.verifier.item_proof import verify_item_proof
from clients.verifier.log import verify_log
from clients.verifier.receipt import NotVerified
from custody.notes import ED25519, Checkpoint, Note, VerifierKey
from custody.proofs import MOST_PROOFS, proven
from custody.tiles import decode_bundle, encode_bundle, tiles_between
from evidence.canonical import canonical, parse_canonical
from evidence.ids import new_id
from evidence.leaf import leaf_hash
from evidence.proofs import as_json
from storage.objects.copying import copy_store
from tests.catalogues import OVER_BOTH, SQLITE_FIRST_CEPH_TOO
from tests.contract.test_custody_log import NOW, ORIGIN, Place, opened
from tests.trees import mth

ITEMS = [new_id(NOW) for _ in range(3)]


catalogues = SQLITE_FIRST_CEPH_TOO


async def grown(place: Place) -> Place:
    """A log that grew in several steps."""
    for count in (4, 0, 9, 7):
        await place.happen(count, *ITEMS[: count % 3])
        await place.sequencer().run()
    return place


@pytest.fixture
async def place(place: Place) -> Place:
    return await grown(place)


async def log_of(place: Place) -> Path:
    """Where a verifier finds the log: the store's own files, or a backup's of a bucket with what is new."""
    if place.bucket is None:
        return place.base / "store" / "objects" / "log"
    await copy_store(place.objects, place.base / "copy")
    log = place.base / "copy" / "objects" / "log"
    for path in log.rglob("*"):
        if path.is_file():
            # A test changes it where it likes to.
            path.chmod(0o644)
    return log


def key_of(place: Place) -> PinnedKey:
    return pinned(pin_of(ORIGIN, place.signer.note_key))


@OVER_BOTH
async def test_a_whole_log_is_proven_step_by_step(place: Place) -> None:
    report = verify_log(await log_of(place), key_of(place))
    assert report.head.size == 21
    assert [step.title for step in report.steps] == [
        "signature of the head", "leaves", "tiles", "chains", "emitters", "stamps",
    ]  # fmt: skip
    # One item, and the emitter itself.
    assert (report.subjects, report.emitters) == (2, 1)


async def test_a_large_log_has_tiles_of_two_levels(place: Place) -> None:
    await place.happen(900, *ITEMS)
    await place.sequencer().run()
    heard: list[tuple[int, int]] = []
    report = verify_log(await log_of(place), key_of(place), lambda done, of: heard.append((done, of)))
    assert report.head.size == 921
    assert heard[-1] == (921, 921)
    tile = await log_of(place) / "tile/1/000.p/3"
    tile.write_bytes((data := tile.read_bytes())[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(NotVerified, match="tile/1/000"):
        verify_log(await log_of(place), key_of(place))


async def test_every_byte_of_every_file_counts(place: Place, tmp_path: Path) -> None:
    directory = await log_of(place)
    files = [directory / "checkpoint", *(directory / tile.path for tile in tiles_between(0, 21))]
    key = key_of(place)
    for file in files:
        data = file.read_bytes()
        step = 1 if len(data) < 1000 else 7
        for at in range(0, len(data), step):
            file.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            with pytest.raises(NotVerified):
                verify_log(directory, key)
        for changed in (data[:-1], data + b"x", b""):
            file.write_bytes(changed)
            with pytest.raises(NotVerified):
                verify_log(directory, key)
        file.unlink()
        with pytest.raises(NotVerified, match="missing"):
            verify_log(directory, key)
        file.write_bytes(data)
    verify_log(directory, key)


async def forged(place: Place, target: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """The log with other leaves, its tiles made and its head signed anew, by somebody who has the key."""
    directory = await log_of(place)
    entries = change(decode_bundle((directory / "tile/entries/000.p/21").read_bytes()))
    size, hashes = len(entries), [leaf_hash(entry) for entry in entries]
    shutil.copytree(directory, target)
    for name, data in (("entries", encode_bundle(entries)), ("0", b"".join(hashes))):
        (target / f"tile/{name}/000.p/{size}").write_bytes(data)
    text = str(Checkpoint(ORIGIN, size, mth(hashes)))
    (target / "checkpoint").write_text(str(Note(text, (place.signer.sign_note(text, ORIGIN),))))


def without_an_access(entries: list[bytes]) -> list[bytes]:
    return entries[:8] + entries[9:]


def in_another_order(entries: list[bytes]) -> list[bytes]:
    return [*entries[:8], entries[9], entries[8], *entries[10:]]


def twice(entries: list[bytes]) -> list[bytes]:
    return [*entries, entries[-1]]


def said_otherwise(entries: list[bytes]) -> list[bytes]:
    return [entry.replace(b"item.shown", b"item.eaten") for entry in entries]


def without_its_chain(entries: list[bytes]) -> list[bytes]:
    leaf: Any = parse_canonical(entries[-1])
    return [*entries[:-1], canonical({**leaf, "chains": []})]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (without_an_access, "does not follow|was to come"),
        (in_another_order, "does not follow|was to come"),
        (twice, "a second time"),
        (said_otherwise, "does not follow"),
        (without_its_chain, "does not chain"),
    ],
)
async def test_whoever_has_the_key_and_forges_history_is_found_by_what_is_inside(
    place: Place, tmp_path: Path, change: Callable[[list[bytes]], list[bytes]], words: str
) -> None:
    await forged(place, tmp_path / "forged", change)
    with pytest.raises(NotVerified, match=words):
        verify_log(tmp_path / "forged", key_of(place))


async def test_another_key_or_another_log_is_not_believed(place: Place, tmp_path: Path) -> None:
    async with opened(tmp_path / "there") as other:
        await other.happen(3)
        await other.sequencer().run()
        with pytest.raises(NotVerified, match="not signed by"):
            verify_log(await log_of(other), key_of(place))
        await place.sequencer(origin="ignored.test").run()
    with pytest.raises(NotVerified, match="not signed by"):
        verify_log(await log_of(place), pinned(pin_of("other.test/log", place.signer.note_key)))
    for text in ("", "a+b", "a+00000000+AAAA", pin_of(ORIGIN, bytes(32)).replace("+", "x+", 1)):
        with pytest.raises(NotVerified, match="pinned key"):
            pinned(text)


async def proof_of(place: Place, item: str) -> dict[str, Any]:
    head = await place.catalogue.read(lambda tx: tx.log.head())
    assert head is not None
    key = str(VerifierKey(ORIGIN, ED25519, place.signer.note_key))
    found = await place.catalogue.read(lambda tx: proven(tx, item, head, key, MOST_PROOFS))
    return json.loads(canonical(as_json(found)))  # type: ignore[no-any-return]


async def test_what_is_proven_of_an_item(place: Place) -> None:
    document = await proof_of(place, ITEMS[0])
    steps = verify_item_proof(document, pinned(document["key"]))
    assert [step.title for step in steps] == [
        "signature of the head",
        "inclusion",
        "chain of the item",
        "detail",
    ]
    assert steps[1].proved.startswith("11 events")
    assert pinned(document["key"]).key_id == key_of(place).key_id


async def test_whatever_is_changed_in_a_proof_is_found(place: Place) -> None:
    key = key_of(place)

    async def fresh() -> dict[str, Any]:
        return await proof_of(place, ITEMS[0])

    async def refuses(change: Callable[[dict[str, Any]], object], words: str) -> None:
        document = await fresh()
        change(document)
        with pytest.raises(NotVerified, match=words):
            verify_item_proof(document, key)

    await refuses(lambda one: one["events"].pop(3), "left out between")
    await refuses(lambda one: one["events"].pop(0), "earlier ones are left out")
    await refuses(lambda one: one["events"].reverse(), "left out")
    await refuses(lambda one: one.update(item=ITEMS[2]), "not about this item")
    await refuses(lambda one: one["events"][2].update(detail='{"of":"other"}'), "committed to")
    await refuses(lambda one: one["events"][2].update(salt="00" * 32), "committed to")
    await refuses(lambda one: one.update(events=[]), "proves no event")
    await refuses(lambda one: one.update(v="custos/item-proof/2"), "version 1")
    await refuses(lambda one: one.pop("waiting"), "version 1")
    document = await fresh()
    leaf, proof = document["events"][4]["leaf"], document["events"][4]["proof"]
    for at in range(0, len(leaf), 11):
        document["events"][4]["leaf"] = leaf[:at] + chr(ord(leaf[at]) ^ 1) + leaf[at + 1 :]
        with pytest.raises(NotVerified):
            verify_item_proof(document, key)
    document["events"][4]["leaf"] = leaf
    for at in range(0, len(proof), 3):
        document["events"][4]["proof"] = proof[:at] + chr(ord(proof[at]) ^ 1) + proof[at + 1 :]
        with pytest.raises(NotVerified):
            verify_item_proof(document, key)
