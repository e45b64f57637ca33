"""The two tus clients that docks and browsers use, unmodified, over a line that is cut in the middle."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError, TusUploadFailed
from tusclient.uploader import Uploader

from evidence.agents import Role
from tests.places import ROOT
from tests.serving.client import Client, statement, tus_path
from tests.serving.cutting import CuttingProxy
from tests.serving.tree import Tree
from tests.serving.waiting import eventually

NODE = ROOT / "tests" / "e2e" / "node"
SIZE = 6_000_000
CUT_AFTER = 3_500_000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "recording.bin"
    path.write_bytes(random.Random(20).randbytes(SIZE))
    return path


@pytest.fixture
def sender(tree: Tree) -> Client:
    return tree.client(Role.SUPERVISOR)


def assert_kept(sender: Client, location: str, file: Path) -> None:
    """What was uploaded is an item with the file's digest, and the bytes that are served are the file's."""
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    item = sender.committed(tus_path(location))
    assert sender.get(f"/items/{item}").json()["digests"]["sha256"] == digest
    assert hashlib.sha256(sender.get(f"/items/{item}/original").body).hexdigest() == digest
    assert statement(sender.receipt(tus_path(location), completed=False))["digests"]["sha256"] == digest


def tuspy(url: str, sender: Client) -> TusClient:
    return TusClient(f"{url}/uploads", headers=sender.headers())


@pytest.mark.parametrize("chunk", [SIZE * 2, 1_000_000])
@pytest.mark.parametrize("checked", [False, True])
def test_tuspy_resumes_where_the_line_was_cut(sender: Client, file: Path, chunk: int, checked: bool) -> None:
    with file.open("rb") as stream, CuttingProxy(sender.address, CUT_AFTER) as proxy:
        first = tuspy(proxy.url, sender).uploader(
            file_stream=stream,
            chunk_size=chunk,
            metadata={"filename": file.name},
            upload_checksum=checked,
        )
        with pytest.raises((TusUploadFailed, TusCommunicationError)):
            first.upload()
        assert proxy.cuts == 1

        def asked_again() -> Uploader | None:
            """None where the server reads the head of the cut request only now: tuspy does not ask twice."""
            try:
                return tuspy(proxy.url, sender).uploader(
                    file_stream=stream,
                    url=first.url,
                    chunk_size=chunk,
                    upload_checksum=checked,
                    retries=10,
                    retry_delay=0,
                )
            except TusCommunicationError as answer:
                assert answer.status_code in (409, 423)
                return None

        second = eventually(asked_again, "the cut request has ended")
        assert second.offset <= CUT_AFTER
        if chunk < CUT_AFTER:
            assert second.offset >= 3_000_000
        second.upload()
        assert proxy.cuts == 1
        assert first.url is not None
        assert_kept(sender, first.url, file)


def node(endpoint: str, sender: Client, file: Path, **job: Any) -> dict[str, Any]:
    """One run of tests/e2e/node/upload.mjs."""
    told = {
        "endpoint": f"{endpoint}/uploads",
        "token": sender.token,
        "file": str(file),
        "name": file.name,
        "sessions": str(file.with_suffix(".sessions")),
        "retryDelays": None,
        "chunkSize": None,
        **job,
    }
    done = subprocess.run(
        ["node", str(NODE / "upload.mjs"), json.dumps(told)],
        capture_output=True, text=True, check=False, cwd=NODE,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


@pytest.mark.parametrize("chunk", [None, 1_000_000])
def test_tus_js_client_goes_on_by_itself(sender: Client, file: Path, chunk: int | None) -> None:
    with CuttingProxy(sender.address, CUT_AFTER) as proxy:
        delays = [0, 50, 200, 500, 1000, 2000, 4000, 8000]
        said = node(proxy.url, sender, file, retryDelays=delays, chunkSize=chunk)
        assert proxy.cuts == 1
    assert "error" not in said, said
    assert said["offsets"][0] == 0
    if chunk is not None:
        # What had been acknowledged is not sent again.
        assert said["offsets"][:4] == [0, chunk, 2 * chunk, 3 * chunk]
        assert said["offsets"][-1] > 3 * chunk
    assert_kept(sender, said["url"], file)


def test_tus_js_client_resumes_a_previous_upload(sender: Client, file: Path) -> None:
    with CuttingProxy(sender.address, CUT_AFTER) as proxy:
        cut = node(proxy.url, sender, file)
        assert proxy.cuts == 1
        assert "error" in cut
        said = node(proxy.url, sender, file, resume=True, retryDelays=[50, 200, 500, 1000, 2000, 4000, 8000])
        assert proxy.cuts == 1
    assert "error" not in said, said
    assert said["url"] == cut["url"]
    assert_kept(sender, said["url"], file)
