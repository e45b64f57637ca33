"""An export of a stamped case that tests change: with its seal, the log's private key, and the authority."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from custody.revocation import RevocationLists, fetched
from custody.stamping import Stamper
from custody.trusted_time import TimeAuthorities, read_roots
from custos.clock import SystemClock
from custos.settings import Settings
from evidence.agents import Role
from storage.objects.filesystem import FilesystemStore
from storage.objects.log_files import LogFiles
from tests.serving.case_histories import document, opened
from tests.serving.exports import Kept, asked, kept
from tests.serving.inside import served_inside
from tests.time_authority import TimeAuthority, time_authority

CLOCK = SystemClock()


@dataclass(frozen=True)
class Desk:
    """An export of a stamped case, the log's private key, and the authority."""

    export: Kept
    key: str
    signing: Ed25519PrivateKey
    authority: TimeAuthority
    place: Path

    @property
    def log(self) -> str:
        return self.key.partition("+")[0]

    @property
    def seal(self) -> str:
        """The seal as a file."""
        path = self.place / "seal.json"
        path.write_text(json.dumps(self.export.seal))
        return str(path)

    def copy(self, name: str) -> Path:
        """What somebody may change."""
        return Path(shutil.copytree(self.export.directory, self.place / name))


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    place = tmp_path_factory.mktemp("trust")
    with time_authority(place / "authority", lists=True) as authority:
        known = {"time_authorities": {authority.url: str(authority.root)}}
        with served_inside(place / "data", custody=known) as bureau:
            hostile = bureau.client(Role.STATION).kept(b"hostile", "a\u202egpj.exe")
            case = opened(bureau, "粤执〔2026〕40号", document(bureau, "一"), hostile)
            bureau.do(bureau.services.sequencer.run())
            store = Settings(data=bureau.data).store
            files = LogFiles(store, FilesystemStore(store, immutable=False))
            asked_of = TimeAuthorities(read_roots({authority.url: str(authority.root)}), {})
            stamper = Stamper(bureau.services.catalogue, files, asked_of, CLOCK)
            assert bureau.do(stamper.run()) is not None
            lists = RevocationLists(bureau.services.catalogue, files, CLOCK, fetched)
            assert bureau.do(lists.run()) == 1
            archivist = bureau.client(Role.ARCHIVIST)
            export = kept(bureau, archivist, asked(archivist, f"/cases/{case}/exports"), place)
            key = archivist.get("/log/key").body.decode().strip()
        found = load_pem_private_key((place / "data/keys/signing-key.pem").read_bytes(), None)
        assert isinstance(found, Ed25519PrivateKey)
        yield Desk(export, key, found, authority, place)


def kinds(found: dict[str, Any], kind: str) -> list[str]:
    """What the page says of that kind, `good`, `open` or `bad`."""
    return [text for is_kind, text in found["steps"] if is_kind == kind]
