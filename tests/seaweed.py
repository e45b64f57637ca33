"""A SeaweedFS with its S3 gateway, as the tests start it: a real server that enforces Object Lock."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tests.s3_server import ADMIN, DISPOSAL, SERVICE, S3Server, free_ports, policy_of

WEED = Path(sys.executable).parent / "weed"
#: The gateway says so once it serves.
_READY = b"Start Seaweed S3 API Server"
#: One volume of each bucket, made when it is first written to, instead of seven.
_GROWTH = "[master.volume_growth]\ncopy_1 = 1\ncopy_other = 1\n"


@dataclass
class Seaweed(S3Server):
    """A server that runs, with its data below `root`."""

    root: Path
    ports: list[int]
    process: subprocess.Popen[bytes]

    @property
    def endpoint(self) -> str:
        """Where it is reached, also after it was started anew."""
        return f"http://127.0.0.1:{self.ports[0]}"

    def stop(self) -> None:
        """Kill it: its graceful end takes half a minute, and its data is thrown away."""
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def start_again(self) -> None:
        """Over the data that lie there, where it was reached before; returns when it serves."""
        self.process = _begun(self.root, self.ports)


def start(root: Path, people: str | None = None) -> Seaweed:
    """Start one with its data below `root`; returns when it serves.

    `people` is the text of its file of identities, by default those of the tests.
    """
    (root / "data").mkdir(parents=True)
    (root / "s3.json").write_text(json.dumps(_people()) if people is None else people)
    (root / "master.toml").write_text(_GROWTH)
    ports = free_ports(8)
    return Seaweed(root, ports, _begun(root, ports))


def _begun(root: Path, ports: list[int]) -> subprocess.Popen[bytes]:
    # Left to itself it allows as many volumes as the disk has gigabytes, and each bucket takes one.
    s3, master, volume, filer, *grpc = ports
    process = subprocess.Popen(
        [
            str(WEED), "-logtostderr=true", "server", "-master.telemetry=false",
            "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={root / 'data'}",
            f"-master.port={master}", f"-master.port.grpc={grpc[0]}", "-master.volumeSizeLimitMB=1024",
            f"-volume.port={volume}", f"-volume.port.grpc={grpc[1]}", "-volume.max=1000",
            f"-filer.port={filer}", f"-filer.port.grpc={grpc[2]}",
            "-s3", f"-s3.port={s3}", f"-s3.port.grpc={grpc[3]}", f"-s3.config={root / 's3.json'}",
            "-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.iam=false",
        ],
        cwd=root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if _READY in line:
            break
    else:
        process.wait()
        raise AssertionError(b"".join(said[-30:]).decode("utf-8", "replace"))
    threading.Thread(target=_drain, args=(process.stderr,), daemon=True).start()
    return process


@contextmanager
def running(root: Path, people: str | None = None) -> Iterator[Seaweed]:
    """One for as long as the block runs; see `start`."""
    server = start(root, people)
    try:
        yield server
    finally:
        server.stop()


def _people() -> dict[str, Any]:
    """The administrator; service and disposal with the policies that `deploy/s3` has for them."""
    rights: dict[tuple[str, str], dict[str, Any]] = {
        ADMIN: {"actions": ["Admin", "Read", "Write", "List", "Tagging"]}
    }
    policies = []
    for who in (SERVICE, DISPOSAL):
        rights[who] = {"actions": [], "policyNames": [who[0]]}
        policies.append({"name": who[0], "content": policy_of(who)})
    identities = [
        {"name": who[0], "credentials": [{"accessKey": who[0], "secretKey": who[1]}], **may}
        for who, may in rights.items()
    ]
    return {"identities": identities, "policies": policies}


def _drain(pipe: IO[bytes]) -> None:
    """A pipe that nobody reads would stop the server once it is full."""
    with pipe:
        for _ in pipe:
            pass
