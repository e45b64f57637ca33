"""Exports as somebody asks for them, fetches them and keeps them."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clients.verifier.export import verify_export
from clients.verifier.heads import PinnedKey, Step, pinned
from evidence.agents import Role
from tests.serving.client import Client
from tests.serving.films import two_segments
from tests.serving.inside import Inside

WANTED = {"profile": "court", "reason": "移送检察院"}


def case_of_two(bureau: Inside, camera: bytes) -> str:
    """A case of two segments, looked at and written about."""
    archivist = bureau.client(Role.ARCHIVIST)
    _, first, second = two_segments(bureau, camera)
    body = {
        "number": "粤执〔2026〕1号",
        "category": "penalty",
        "detail": {"title": "无证经营", "parties": ["张伟"]},
    }
    found: str = archivist.post("/cases", body).json()["id"]
    assert archivist.post(f"/cases/{found}/links", {"items": [first, second]}).status == 200
    assert archivist.post(f"/cases/{found}/notes", {"text": "内部意见"}).status == 201
    assert bureau.client(Role.REVIEWER).get(f"/items/{first}/playlist.m3u8").status == 200
    bureau.close_viewings()
    return found


def asked(client: Client, path: str, **wanted: Any) -> dict[str, Any]:
    """An export that is made, as its page tells of it."""
    answer = client.post(path, WANTED | wanted)
    assert answer.status == 202, answer.body
    found: dict[str, Any] = client.get(f"/exports/{answer.json()['id']}").json()
    assert found["made"] is not None, found["job"]
    return found


@dataclass(frozen=True)
class Kept:
    """An export as somebody keeps it: the archive, unpacked, the seal, and the key from elsewhere."""

    archive: Path
    directory: Path
    seal: dict[str, Any]
    key: PinnedKey

    def verify(self, path: Path | None = None) -> list[Step]:
        """Checked with its seal."""
        return verify_export(path or self.archive, self.key, self.seal)


def kept(bureau: Inside, client: Client, export: dict[str, Any], place: Path) -> Kept:
    """Fetched with its seal, once the log has that it was made."""
    bureau.do(bureau.services.sequencer.run())
    archive = place / "export.zip"
    archive.write_bytes(client.get(export["made"]["path"]).body)
    with zipfile.ZipFile(archive) as opened:
        assert opened.testzip() is None
        opened.extractall(place / "unpacked")
    (directory,) = (place / "unpacked").iterdir()
    seal = client.get(export["made"]["seal"]).json()
    return Kept(archive, directory, seal, pinned(client.get("/log/key").body.decode()))
