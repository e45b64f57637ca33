"""`custos import`: a case goes from one installation to another, and its history with it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from clients.verifier.heads import pinned
from clients.verifier.item_proof import verify_item_proof
from evidence.agents import Role
from evidence.jobs import Stage
from tests.media import make_clip
from tests.serving.exports import Kept, asked, case_of_two, kept
from tests.serving.inside import served_inside


@dataclass(frozen=True)
class There:
    """What the first installation handed over."""

    export: Kept
    pin: str
    originals: dict[str, bytes]


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[There]:
    place = tmp_path_factory.mktemp("there")
    with served_inside(place / "data") as server:
        archivist = server.client(Role.ARCHIVIST)
        case = case_of_two(server, make_clip(place / "clip.mp4", seconds=2).read_bytes())
        found = kept(server, archivist, asked(archivist, f"/cases/{case}/exports"), place)
        (place / "export.zip.seal.json").write_text(json.dumps(found.seal))
        pin = archivist.get("/log/key").body.decode().strip()
    originals = {path.stem: path.read_bytes() for path in (found.directory / "data/originals").iterdir()}
    yield There(found, pin, originals)


def imported(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "custos", "import", *arguments],
        env={**os.environ, "CUSTOS_DATA": str(data), "CUSTOS_PROTECTION__IMMUTABLE": "false",
             "CUSTOS_INGEST__RESERVE_BYTES": "0"},
        capture_output=True, text=True,
    )  # fmt: skip


def test_originals_and_their_history_are_taken_in(there: There, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with served_inside(data) as server:
        server.do(server.services.accounts.add("zhou", "周主管", Role.SUPERVISOR, "north", None))
    done = imported(data, str(there.export.archive), "--key", there.pin, "--as", "zhou")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 originals and their custody record were received" in done.stdout
    with served_inside(data) as server:
        server.run(*Stage)
        archivist = server.client(Role.ARCHIVIST)
        items = {item["submitted"]["filename"]: item for item in archivist.get("/items").json()["items"]}
        record = items.pop(next(name for name in items if name.endswith(".custody.zip")))
        assert {archivist.get(f"/items/{item['id']}/original").body for item in items.values()} == set(
            there.originals.values()
        )
        assert {item["submitted"]["method"] for item in (*items.values(), record)} == {"import"}
        case = archivist.post("/cases", {"number": "粤执〔2026〕1号", "category": "penalty"}).json()["id"]
        assert len(archivist.get(f"/cases/{case}").json()["links"]) == 3
        with zipfile.ZipFile(io.BytesIO(archivist.get(f"/items/{record['id']}/original").body)) as archive:
            assert json.loads(archive.read("seal.json")) == there.export.seal
            for item in there.originals:
                proof = json.loads(archive.read(f"custody/proofs/{item}.json"))
                verify_item_proof(proof, pinned(there.pin))
        (event,) = server.events("export.imported")
        assert set(event["detail"]["uploads"]) == set(there.originals)
        assert event["digests"]["sha256"] == record["digests"]["sha256"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [((), "no-key"), (("--key", "k", "--policy", "p"), "two-keys"), (("--key", "{pin}"), "no-such-user")],
)
def test_refusals_are_said_in_words(
    there: There, tmp_path: Path, arguments: tuple[str, ...], code: str
) -> None:
    asked_ = [one.replace("{pin}", there.pin) for one in arguments]
    done = imported(tmp_path / "data", str(there.export.archive), *asked_, "--as", "nobody")
    assert done.returncode == 2
    assert f"[{code}]" in done.stderr


def test_what_is_not_proven_is_not_taken_in(there: There, tmp_path: Path) -> None:
    data = bytearray(there.export.archive.read_bytes())
    data[-5000] ^= 1
    changed = tmp_path / "changed.zip"
    changed.write_bytes(data)
    done = imported(tmp_path / "data", str(changed), "--key", there.pin, "--as", "zhou")
    assert done.returncode == 1
    assert done.stdout.startswith("NOT VERIFIED, and not taken in")
