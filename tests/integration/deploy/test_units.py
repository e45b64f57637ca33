"""The parts of a Custos under what their units leave them, as far as that goes without a systemd.

That is: system calls, families of addresses, namespaces, memory that is written and executed. Directories,
devices and capabilities are not tried.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from clients.verifier.receipt import verify_receipt
from tests.fault.traffic import receipt_of, wait_for_log
from tests.integration.deploy.files import DEPLOY
from tests.media import make_clip
from tests.places import ROOT
from tests.serving.client import Client
from tests.serving.settings import custos_environment
from tests.serving.tree import PASSWORD, custos, free_port
from tests.serving.waiting import eventually
from tests.valkey import Valkey

#: Becomes a program inside the filters of a unit.
_LEFT_LITTLE = """
import ctypes, json, os, sys
import pyseccomp
told = json.loads(sys.argv[1])
ERRNO, EQ, MASKED_EQ = pyseccomp.ERRNO, pyseccomp.EQ, pyseccomp.MASKED_EQ
calls = pyseccomp.SyscallFilter(ERRNO(1))
for name in told["calls"]:
    try:
        calls.add_rule(pyseccomp.ALLOW, name)
    except (ValueError, OSError, RuntimeError):
        pass  # of another machine, or newer than the library
other = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
for family in range(46):
    if family not in told["families"]:
        other.add_rule(ERRNO(97), "socket", pyseccomp.Arg(0, EQ, family))
if told["no_namespaces"]:
    for name in ("unshare", "setns"):
        other.add_rule(ERRNO(1), name)
    for flag in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
        other.add_rule(ERRNO(1), "clone", pyseccomp.Arg(0, MASKED_EQ, flag, flag))
    other.add_rule(ERRNO(38), "clone3")
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(38, 1, 0, 0, 0) != 0:  # PR_SET_NO_NEW_PRIVS
    sys.exit("no_new_privs")
if told["no_executable_writes"]:
    libc.prctl(65, 1, 0, 0, 0)  # PR_SET_MDWE; kernels before 6.3 do not know it
other.load()
calls.load()
os.execvp(sys.argv[2], sys.argv[2:])
"""
_FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10, "AF_NETLINK": 16}


def calls_of(name: str) -> set[str]:
    """The system calls of one of systemd's groups."""
    if not name.startswith("@"):
        return {name}
    said = subprocess.run(
        ["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, check=True
    ).stdout
    lines = [line.strip() for line in said.splitlines()[1:]]
    return set().union(*(calls_of(line) for line in lines if line and not line.startswith("#")))


def left_by(unit: str) -> str:
    """What a unit leaves, as the program above is told it."""
    lines = (DEPLOY / "systemd" / unit).read_text("utf-8").splitlines()
    said = [line.split("=", 1) for line in lines if "=" in line and not line.startswith("#")]
    calls = calls_of("@default")
    for words in [value for name, value in said if name == "SystemCallFilter"]:
        named = set().union(*(calls_of(word) for word in words.removeprefix("~").split()))
        calls = calls - named if words.startswith("~") else calls | named
    alone = dict(said)
    return json.dumps(
        {
            "calls": sorted(calls),
            "families": [_FAMILIES[word] for word in alone["RestrictAddressFamilies"].split()],
            "no_namespaces": alone.get("RestrictNamespaces") == "yes",
            "no_executable_writes": alone.get("MemoryDenyWriteExecute") == "yes",
        }
    )


@pytest.mark.long
@pytest.mark.skipif(os.geteuid() != 0, reason="a filter is root's to set")
def test_the_parts_live_with_what_their_units_leave_them(tmp_path: Path) -> None:
    broker, port = Valkey(tmp_path / "broker"), free_port()
    clip = make_clip(tmp_path / "clip.mp4", seconds=1)
    environment = custos_environment(
        tmp_path / "data",
        CUSTOS_API__PORT=str(port),
        CUSTOS_BROKER__URL=broker.url,
        CUSTOS_MEDIA__SANDBOX="require",
    )
    custos(
        environment, "user", "add", "li", "--role", "supervisor", "--unit", "north", "--password-stdin",
        typed=PASSWORD + "\n",
    )  # fmt: skip
    client = Client(f"http://127.0.0.1:{port}", custos(environment, "token", "create", "li"))
    parts = {
        ("api",): "custos-api.service",
        ("beat",): "custos-beat.service",
        ("sequencer",): "custos-sequencer.service",
        **{("worker", "--queues", cost): "custos-worker@.service" for cost in ("light", "transcode", "bulk")},
    }
    with ExitStack() as stack:
        broker.start()
        stack.callback(broker.close)
        logs = []
        for arguments, unit in parts.items():
            logs.append(tmp_path / f"{arguments[-1]}.log")
            program = [sys.executable, "-m", "custos", *arguments]
            log = stack.enter_context(logs[-1].open("wb"))
            child = subprocess.Popen(
                [sys.executable, "-c", _LEFT_LITTLE, left_by(unit), *program],
                env=environment, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
            stack.callback(child.wait, 60)
            stack.callback(child.terminate)

        def serves() -> bool:
            try:
                return client.get("/readyz").status == 200
            except OSError:
                return False

        eventually(serves, "the server serves")
        verified = verify_receipt(
            clip,
            receipt_of(client, client.send(clip.read_bytes(), "clip.mp4")),
            (tmp_path / "data/keys/signing-key.pub.pem").read_bytes(),
        )
        item = verified.statement["item"]
        assert verified.read_back
        assert client.settled(item)["playable"]
        report = client.get(f"/items/{item}/report.pdf")
        assert report.body.startswith(b"%PDF"), report.body
        wait_for_log(client, [item])
    for path in logs:
        assert "Traceback" not in path.read_text(), path.read_text()
