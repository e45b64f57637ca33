"""docs/verify-by-hand.md, followed word for word on an export of real media."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from evidence.agents import Role
from tests.places import ROOT
from tests.serving.exports import Kept, asked, case_of_two, kept
from tests.serving.inside import Inside

SAID = ("the leaf names the digest of the file", "the leaf is in the tree", "Signature Verified Successfully")


@pytest.fixture(scope="module")
def export(bureau: Inside, camera: bytes, tmp_path_factory: pytest.TempPathFactory) -> tuple[Kept, str]:
    """An export of a case, and the log's key as somebody else told it."""
    archivist = bureau.client(Role.ARCHIVIST)
    made = asked(archivist, f"/cases/{case_of_two(bureau, camera)}/exports")
    found = kept(bureau, archivist, made, tmp_path_factory.mktemp("export"))
    return found, archivist.get("/log/key").body.decode().strip()


def follow(directory: Path, key: str, item: str, work: Path) -> str:
    """What the page's blocks say, run in their order; not one more line than the page has."""
    page = (ROOT / "docs" / "verify-by-hand.md").read_text(encoding="utf-8")
    script = "\n".join(re.findall(r"```sh\n(.*?)```", page, re.DOTALL))
    done = subprocess.run(
        ["bash", "-u", "-o", "pipefail", "-c", script],
        env={**os.environ, "EXPORT": str(directory), "ITEM": item, "KEY": key, "WORK": str(work)},
        capture_output=True,
        text=True,
    )
    return done.stdout + done.stderr


def test_every_item_is_proven_by_the_page(export: tuple[Kept, str], tmp_path: Path) -> None:
    found, key = export
    items = sorted(path.stem for path in (found.directory / "data/originals").iterdir())
    for item in items:
        said = follow(found.directory, key, item, tmp_path / item)
        assert [words for words in SAID if words not in said] == [], said
        assert "error" not in said.lower(), said


@pytest.mark.parametrize(
    ("name", "old", "new", "broken"),
    [
        ("data/originals/*", b"moov", b"mooV", 0),
        ("custody/proofs/*", b"success", b"failure", 1),
    ],
)
def test_what_was_changed_is_found_by_the_page(
    export: tuple[Kept, str], tmp_path: Path, name: str, old: bytes, new: bytes, broken: int
) -> None:
    found, key = export
    copy = tmp_path / "copy"
    shutil.copytree(found.directory, copy)
    path = sorted(copy.glob(name))[0]
    path.write_bytes(path.read_bytes().replace(old, new))
    said = follow(copy, key, path.stem, tmp_path / "work")
    assert SAID[broken] not in said


def test_another_key_is_found_by_the_page(export: tuple[Kept, str], tmp_path: Path) -> None:
    found, key = export
    other = key[:-5] + ("A" if key[-5] != "A" else "B") + key[-4:]
    item = sorted((found.directory / "data/originals").iterdir())[0].stem
    assert SAID[2] not in follow(found.directory, other, item, tmp_path / "work")
