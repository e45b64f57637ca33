"""A Ceph of one monitor, one OSD in memory and one RADOS Gateway, as the long tests start it.

The programs are Debian's: `deploy/setup.sh ceph`. All of it runs on loopback, from a configuration, keyrings
and data of its own, and knows nothing of a Ceph that the machine may have.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import boto3
from botocore.config import Config

from tests.s3_server import ADMIN, DISPOSAL, SERVICE, S3Server, free_ports, policy_of
from tests.serving.waiting import eventually

_PROGRAMS = (
    "ceph",
    "ceph-authtool",
    "ceph-mon",
    "ceph-osd",
    "monmaptool",
    "rados",
    "radosgw",
    "radosgw-admin",
)
#: For how long one command may wait for the monitor or the OSD.
_PATIENCE_SECONDS = 120
_CONFIGURATION = """\
[global]
fsid = {fsid}
mon host = {monitors}
public addr = 127.0.0.1
cluster addr = 127.0.0.1
keyring = {root}/keyring
run dir = {root}
crash dir = {root}
mon data = {root}/mon
osd data = {root}/osd
admin socket =
pid file =
log file =
log to stderr = true
err to stderr = true
mon cluster log file =
# One copy, in memory, agreed upon at once: this proves what the gateway does, not what Ceph keeps.
osd objectstore = memstore
memstore device bytes = 4294967296
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon data avail warn = 1
mon data avail crit = 1
paxos propose interval = 0.05
paxos min wait = 0.01
[client.gateway]
rgw frontends = beast endpoint=127.0.0.1:{port}
rgw enable apis = s3, iam
rgw enable usage log = false
"""
_KEYS = (
    ("mon.", ("mon", "allow *")),
    ("client.admin", ("mon", "allow *", "osd", "allow *")),
    ("osd.0", ("mon", "allow profile osd", "osd", "allow *")),
    ("client.gateway", ("mon", "allow rw", "osd", "allow rwx")),
)


@dataclass
class Ceph(S3Server):
    """A cluster that runs, with its configuration below `root`."""

    root: Path
    port: int
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def gateway_admin(self, *arguments: str) -> str:
        """What whoever administers the gateway does on its machine; what the command said."""
        return _run(self.root, "radosgw-admin", *arguments)

    def grant(self) -> None:
        """Put the documented policies into force. A user that is changed on the machine may lose them."""
        identities = boto3.client(
            "iam",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=ADMIN[0],
            aws_secret_access_key=ADMIN[1],
            config=Config(retries={"mode": "standard", "total_max_attempts": 1}),
        )
        for who in (SERVICE, DISPOSAL):
            identities.put_user_policy(UserName=who[0], PolicyName="custos", PolicyDocument=policy_of(who))

    def rados(self, *arguments: str) -> str:
        """The same below the gateway, among the objects of its data pool."""
        return _run(self.root, "rados", "-p", "default.rgw.buckets.data", *arguments)

    @contextmanager
    def open_gateway(self) -> Iterator[str]:
        """Another gateway that speaks all that a gateway speaks by default; where it is reached."""
        (port,) = free_ports(1)
        process = _daemon(
            self.root,
            "radosgw",
            "-n",
            "client.gateway",
            f"--rgw-frontends=beast endpoint=127.0.0.1:{port}",
            "--rgw-enable-apis=s3, swift, swift_auth, admin, iam",
        )
        self.processes.append(process)
        try:
            eventually(lambda: _answers(self, port), "the other gateway answers")
            yield f"http://127.0.0.1:{port}"
        finally:
            self.processes.remove(process)
            process.kill()
            process.wait()

    def stop(self) -> None:
        """Kill all of it, the gateway first: its data are thrown away."""
        for process in reversed(self.processes):
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
            process.wait()


def missing() -> list[str]:
    """Those of its programs that are not installed."""
    return [one for one in _PROGRAMS if shutil.which(one) is None]


@contextmanager
def running(root: Path) -> Iterator[Ceph]:
    """One for as long as the block runs, with the identities of the tests under the documented policies."""
    monitor, old_monitor, port = free_ports(3)
    server = Ceph(root, port)
    try:
        _begin(server, f"[v2:127.0.0.1:{monitor}/0,v1:127.0.0.1:{old_monitor}/0]")
        yield server
    finally:
        server.stop()


def _begin(server: Ceph, monitors: str) -> None:
    root, fsid = server.root, str(uuid.uuid4())
    for name in ("mon", "osd"):
        (root / name).mkdir()
    (root / "ceph.conf").write_text(
        _CONFIGURATION.format(root=root, fsid=fsid, port=server.port, monitors=monitors)
    )
    keyring = str(root / "keyring")
    _run(root, "ceph-authtool", "--create-keyring", keyring)
    for name, rights in _KEYS:
        caps = [word for kind, right in zip(rights[::2], rights[1::2], strict=True)
                for word in ("--cap", kind, right)]  # fmt: skip
        _run(root, "ceph-authtool", keyring, "--gen-key", "-n", name, *caps)
    monmap = str(root / "monmap")
    _run(root, "monmaptool", "--create", "--fsid", fsid, "--addv", "a", monitors.replace("/0", ""), monmap)
    _run(root, "ceph-mon", "--mkfs", "-i", "a", "--monmap", monmap, "--keyring", keyring)
    server.processes.append(_daemon(root, "ceph-mon", "-i", "a"))
    # Each of these waits until the monitor, then the OSD, does what it is asked.
    osd = str(uuid.uuid4())
    _run(root, "ceph", "--connect-timeout", str(_PATIENCE_SECONDS), "osd", "new", osd)
    _run(root, "ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd)
    server.processes.append(_daemon(root, "ceph-osd", "-i", "0"))
    server.processes.append(_daemon(root, "radosgw", "-n", "client.gateway"))
    eventually(lambda: _answers(server), "the gateway answers")
    _introduce(server)


def _introduce(server: Ceph) -> None:
    for name, secret in (ADMIN, SERVICE, DISPOSAL):
        server.gateway_admin(
            "user",
            "create",
            f"--uid={name}",
            f"--display-name={name}",
            f"--access-key={name}",
            f"--secret={secret}",
            # Only the administrator may have buckets.
            f"--max-buckets={1000 if name == ADMIN[0] else -1}",
        )
    server.gateway_admin("caps", "add", f"--uid={ADMIN[0]}", "--caps=user-policy=*")
    server.grant()


def _run(root: Path, program: str, *arguments: str) -> str:
    done = subprocess.run(
        [program, "-c", str(root / "ceph.conf"), *arguments],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=_PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, (program, *arguments, done.stderr[-3000:])
    return done.stdout


def _daemon(root: Path, program: str, *arguments: str) -> subprocess.Popen[bytes]:
    with (root / f"{program}.log").open("wb") as said:
        return subprocess.Popen(
            [program, "-c", str(root / "ceph.conf"), *arguments, "-f"],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )


def _answers(server: Ceph, port: int | None = None) -> bool:
    """Whether the gateway does; fails at once when a part of the cluster has ended."""
    for process in server.processes:
        assert process.poll() is None, (process.args, _said(server.root))
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port or server.port)) == 0


def _said(root: Path) -> str:
    return "\n".join(path.read_text("utf-8", "replace")[-2000:] for path in sorted(root.glob("*.log")))
