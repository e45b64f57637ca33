"""Exports that somebody changed: with and without every manifest made anew, with and without the seal."""

from __future__ import annotations

import json
import shutil
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from clients.verifier.export import verify_export
from clients.verifier.item_proof import verify_item_proof
from clients.verifier.receipt import NotVerified
from tests.serving.exports import Kept
from tests.serving.forging import bent, drop_item, exchange_original, rebag, rewrite


@pytest.fixture
def copy(court: Kept, tmp_path: Path) -> Path:
    """What somebody may change."""
    return Path(shutil.copytree(court.directory, tmp_path / "copy"))


def test_every_file_that_is_changed_cut_or_taken_away_is_named(court: Kept, copy: Path) -> None:
    files = sorted(path for path in copy.rglob("*") if path.is_file())
    assert len(files) > 30
    for path in files:
        name, data = path.relative_to(copy).as_posix(), path.read_bytes()
        for changed in (bytes([data[0] ^ 1]) + data[1:], data[:-1], data + b"\n", None):
            path.unlink() if changed is None else path.write_bytes(changed)
            with pytest.raises(NotVerified) as refusal:
                court.verify(copy)
            if name == "tagmanifest-sha256.txt":
                assert "tagmanifest-sha256.txt" in str(refusal.value) or "missing" in str(refusal.value)
            else:
                assert name.rpartition("/")[2].removesuffix(".txt") in str(refusal.value), (
                    name,
                    refusal.value,
                )
            path.write_bytes(data)
    (copy / "data/originals/added.mp4").write_bytes(b"x")
    with pytest.raises(NotVerified, match=r"added.mp4 does not stand in manifest-sha256.txt: it was added"):
        court.verify(copy)


def test_bytes_of_the_archive_that_are_changed_are_found(court: Kept, tmp_path: Path) -> None:
    data = court.archive.read_bytes()
    with zipfile.ZipFile(court.archive) as archive:
        headers = [info.header_offset for info in archive.infolist()]
    # The first header and the last, bytes of every file, and all of the end.
    places = {*range(200), *range(headers[-1], headers[-1] + 150), *range(0, len(data), 49_999)}
    missed = []
    for place in sorted(places | set(range(len(data) - 400, len(data)))):
        changed = bytearray(data)
        changed[place] ^= 0x41
        path = tmp_path / "changed.zip"
        path.write_bytes(changed)
        try:
            court.verify(path)
        except NotVerified:
            continue
        missed.append(place)
    assert missed == []


@pytest.mark.parametrize("more", [b"x", b"PK\5\6" + bytes(18)])
def test_what_is_put_around_the_archive_is_found(court: Kept, tmp_path: Path, more: bytes) -> None:
    data, path = court.archive.read_bytes(), tmp_path / "changed.zip"
    for changed in (more + data, data + more, data[:-1]):
        path.write_bytes(changed)
        with pytest.raises(NotVerified):
            court.verify(path)


def _rebagged(directory: Path, name: str, data: bytes) -> None:
    """A file exchanged by somebody who puts every manifest right again."""
    (directory / name).write_bytes(data)
    rebag(directory)


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("data/originals/*", lambda data: data + b"x", "is not the file that was ingested"),
        ("data/renditions/*/playable.mp4", lambda data: data + b"x", "is not a copy of which the log says"),
        ("custody/proofs/*", lambda data: data.replace(b"success", b"failure", 1), "its leaf is not"),
        ("custody/manifests/*", lambda data: data.replace(b'"event":"ey', b'"event":"ez'), "'s history"),
        ("custody/receipts/*", lambda data: bent(data.decode()).encode(), "the signature is wrong"),
        ("custody/checkpoint", lambda data: data[:-6] + b"AAA=\n", "signature"),
    ],
)  # fmt: skip
def test_who_puts_the_manifests_right_again_is_found_by_the_log(
    court: Kept, copy: Path, name: str, change: Any, told: str
) -> None:
    path = sorted(copy.glob(name))[0]
    changed = change(path.read_bytes())
    assert changed != path.read_bytes()
    _rebagged(copy, path.relative_to(copy).as_posix(), changed)
    with pytest.raises(NotVerified, match=r"tagmanifest-sha256\.txt was changed"):
        court.verify(copy)
    with pytest.raises(NotVerified) as refusal:
        verify_export(copy, court.key)
    assert told in str(refusal.value)


def test_an_event_that_is_left_out_shows(court: Kept, tmp_path: Path) -> None:
    for number in (0, 3, -1):
        copy = tmp_path / f"copy{number}"
        shutil.copytree(court.directory, copy)
        path = sorted((copy / "custody/proofs").iterdir())[0]
        document = json.loads(path.read_bytes())
        del document["events"][number]
        data = json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
        _rebagged(copy, f"custody/proofs/{path.name}", data)
        with pytest.raises(NotVerified, match=r"left out|counts the events"):
            verify_export(copy, court.key)


def test_another_original_does_not_pass_by_leaving_out_how_it_came_in(court: Kept, copy: Path) -> None:
    exchange_original(copy)
    with pytest.raises(NotVerified, match="earlier ones are left out"):
        verify_export(copy, court.key)


def test_an_item_that_is_left_out_of_a_case_shows(court: Kept, copy: Path) -> None:
    drop_item(copy, 0)
    with pytest.raises(NotVerified, match="another list of items"):
        verify_export(copy, court.key)


def _update(change: dict[str, Any], told: dict[str, Any]) -> None:
    told.update(change)


def test_who_asked_and_when_are_the_log_s(court: Kept, copy: Path) -> None:
    for change in ({"asked_at": "2026-01-01T00:00:00.000000Z"}, {"asked_by": "a" * 36}):
        shutil.copy(court.directory / "custody/export.json", copy / "custody/export.json")
        rewrite(copy / "custody/export.json", partial(_update, change))
        rebag(copy)
        with pytest.raises(NotVerified, match="who asked for it, or when"):
            verify_export(copy, court.key)


def test_no_number_of_waiting_events_excuses_a_beginning_that_is_not_there(court: Kept) -> None:
    path = sorted((court.directory / "custody/proofs").iterdir())[0]
    document = json.loads(path.read_bytes())
    verify_item_proof(document, court.key)
    with pytest.raises(NotVerified, match="earlier ones are left out"):
        verify_item_proof({**document, "events": document["events"][1:], "waiting": 5_000}, court.key)


def test_a_full_document_may_begin_later_and_says_what_that_leaves_open(
    court: Kept, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = sorted((court.directory / "custody/proofs").iterdir())[0]
    document = json.loads(path.read_bytes())
    later = {**document, "events": document["events"][2:]}
    steps = {step.title: step for step in verify_item_proof(later, court.key, len(later["events"]))}
    assert steps["chain of the item"].not_checked.startswith("the 2 events before the first one")
    exchange_original(copy)
    monkeypatch.setattr("clients.verifier.export.MOST_EVENTS", 1)
    steps = {step.title: step for step in verify_export(copy, court.key)}
    assert steps["originals and copies"].proved.startswith("1 originals are the files")
    item = json.loads((copy / "custody/export.json").read_bytes())["items"][0]["item"]
    assert f"the files of {item}: how they came in is not here" in steps["originals and copies"].not_checked


def test_the_receipts_of_an_item_that_begins_later_are_still_for_its_bytes(
    court: Kept, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clients.verifier.export.MOST_EVENTS", 1)
    exchanged = copy.with_name("exchanged")
    shutil.copytree(copy, exchanged)
    exchange_original(exchanged, receipts=True)
    with pytest.raises(NotVerified, match="is for other bytes than those of"):
        verify_export(exchanged, court.key)
    exchange_original(copy, b"", receipts=True)
    steps = {step.title: step for step in verify_export(copy, court.key)}
    assert steps["receipts"].not_checked.startswith("1 of them: the events that they name are before")


def test_counts_are_those_of_what_is_listed(court: Kept, copy: Path) -> None:
    rewrite(copy / "custody/export.json", lambda told: told["counts"].update(shown=1, withheld=1))
    rebag(copy)
    with pytest.raises(NotVerified, match="counts its items otherwise"):
        verify_export(copy, court.key)
