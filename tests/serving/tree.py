"""The whole `custos serve`: server, worker, schedule and broker as child processes."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from custos.keeping_sections import S3Settings
from custos.readiness import READY_FD
from custos.settings import Settings
from custos.wiring import open_services
from evidence.agents import Role
from evidence.jobs import Job
from tests.places import ROOT
from tests.serving.client import Client
from tests.serving.settings import custos_environment, settings_for
from tests.serving.waiting import PATIENCE_SECONDS

PASSWORD = "a horse that stays correct"
UNITS = ("north", "south")
ROLES = (Role.OFFICER, Role.REVIEWER, Role.SUPERVISOR, Role.AUDITOR, Role.ADMINISTRATOR, Role.STATION)


#: Below what Linux gives to outgoing connections: one of those could get the port before the server binds it.
_PORTS = range(16_384, 32_768)
#: Not seeded with the tests, or those that run beside each other would draw the same ports.
_DRAW = random.SystemRandom()


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on."""
    while True:
        port = _DRAW.choice(_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@dataclass(frozen=True, slots=True)
class Tree:
    """A running `custos serve`."""

    url: str
    data: Path
    tokens: Mapping[tuple[Role, str], str]

    def client(self, role: Role, unit: str = "north") -> Client:
        """Somebody of that role and unit."""
        return Client(self.url, self.tokens[role, unit])

    @property
    def public_key(self) -> bytes:
        """What receipts are verified with."""
        return (self.data / "keys" / "signing-key.pub.pem").read_bytes()


def custos(environment: Mapping[str, str], *arguments: str, typed: str = "") -> str:
    """What one command prints."""
    done = subprocess.run(
        [sys.executable, "-m", "custos", *arguments],
        env=dict(environment), cwd=ROOT, input=typed, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


class _NoBell:
    async def ring(self, jobs: Sequence[Job]) -> None:
        """Nobody is there yet."""


async def _enrol(settings: Settings) -> dict[tuple[Role, str], str]:
    tokens: dict[tuple[Role, str], str] = {}
    async with open_services(settings, _NoBell(), "command") as services:
        for unit in UNITS:
            for role in ROLES:
                name = f"{role.value}-{unit}"
                password = PASSWORD if role is Role.SUPERVISOR else None
                await services.accounts.add(name, f"{role.value} of {unit}", role, unit, password)
                tokens[role, unit] = await services.accounts.create_token(name, "tests")
    return tokens


def enrolled(settings: Settings) -> dict[tuple[Role, str], str]:
    """Somebody of each role and unit, with a token, put into a catalogue that nobody serves yet."""
    with ThreadPoolExecutor(1) as apart:
        return apart.submit(asyncio.run, _enrol(settings)).result()


@contextmanager
def serving(environment: Mapping[str, str], log: Path, *, is_whole: bool = True) -> Iterator[int]:
    """`custos serve` from the moment it is ready; the child's process id. Stopped in order at the end.

    Not `is_whole`: from its start, for whom something that it needs is not there yet.
    """
    reading, writing = os.pipe()
    try:
        with log.open("wb") as errors:
            child = subprocess.Popen(
                [sys.executable, "-m", "custos", "serve"],
                env={**environment, READY_FD: str(writing)}, cwd=ROOT, pass_fds=(writing,),
                stdin=subprocess.DEVNULL, stdout=errors, stderr=errors, start_new_session=True,
            )  # fmt: skip
    finally:
        os.close(writing)
    try:
        with os.fdopen(reading, "rb") as pipe:
            assert not is_whole or pipe.readline() == b"ready\n", log.read_text()
        yield child.pid
        child.send_signal(signal.SIGTERM)
        assert child.wait(PATIENCE_SECONDS) == 0, log.read_text()
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()


@contextmanager
def running_tree(base: Path, catalogue: str | None = None, s3: S3Settings | None = None) -> Iterator[Tree]:
    """A `custos serve` with somebody of each role and unit; at its end it has logged no defect.

    `catalogue` is the address of a database; without it there is SQLite.
    """
    data, log, port = base / "data", base / "serve.log", free_port()
    where = {} if catalogue is None else {"CUSTOS_CATALOGUE__URL": catalogue}
    environment = custos_environment(data, s3, CUSTOS_API__PORT=str(port), **where)
    tokens = enrolled(settings_for(data, catalogue=catalogue, s3=s3))
    # The first two as an administrator does it; each is a process, so the others go in together.
    custos(
        environment, "user", "add", "wang", "--name", "王晓梅", "--role", "supervisor", "--unit", "north",
        "--password-stdin", typed=PASSWORD + "\n",
    )  # fmt: skip
    tokens[Role.SUPERVISOR, "north"] = custos(environment, "token", "create", "wang")
    with serving(environment, log):
        yield Tree(f"http://127.0.0.1:{port}", data, tokens)
    text = log.read_text()
    assert "Traceback" not in text, text
