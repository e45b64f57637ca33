"""One embedded Custos for the demonstration: its settings, its people, its process."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import socket
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from clients.demo.errors import DemoError
from clients.demo.programs import run

DEFAULT_PORT = 8420
_HOST = "127.0.0.1"
_READY_VARIABLE = "CUSTOS_READY_FD"
_READY_SECONDS = 180.0
_STOP_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may sign in; a station has a token instead of a password."""

    username: str
    name: str
    role: str
    unit: str
    password: str


def account(username: str, name: str, role: str, unit: str) -> Account:
    """An account with a random password."""
    return Account(username, name, role, unit, secrets.token_urlsafe(12))


def free_port(wanted: int | None) -> int:
    """`wanted` if it can be listened on; without a wish the default port, or any that is free.

    Raises DemoError when the wanted one is taken or is none.
    """
    if wanted is not None and not 1 <= wanted <= 65535:
        raise DemoError("A port is a whole number from 1 to 65535.")
    for port in (DEFAULT_PORT, 0) if wanted is None else (wanted,):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                probe.bind((_HOST, port))
                return int(probe.getsockname()[1])
    raise DemoError(f"Port {wanted} is taken. Name another with --port, or leave it out.")


class Custos:
    """A Custos of one's own in `data`, driven by the `custos` command.

    `command` runs `custos`; `tied` comes before it where the process must not outlive this one.
    """

    def __init__(self, command: Sequence[str], tied: Sequence[str], data: Path, port: int) -> None:
        self.data = data
        self.url = f"http://{_HOST}:{port}"
        self.log = data / "demo" / "serve.log"
        self.config = data / "custos.toml"
        self._command = tuple(command)
        self._tied = tuple(tied)
        self._port = port
        self._process: Process | None = None

    def prepare(self) -> None:
        """Make the directory and the settings; raises DemoError unless it is empty or not there yet."""
        try:
            self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
            if any(self.data.iterdir()):
                raise DemoError(f"{self.data} is not empty. Name a directory that does not exist yet.")
            self.log.parent.mkdir()
            self.config.write_text(
                "# A demonstration: its recordings do not get the immutable flag, so that they can be thrown "
                f'away.\ndata = "."\n\n[api]\nhost = "{_HOST}"\nport = {self._port}\n\n'
                "[protection]\nimmutable = false\n",
                "utf-8",
            )
        except OSError as error:
            raise DemoError(f"{self.data} cannot be used: {error.strerror}.") from error

    async def command(self, *arguments: str, given: str | None = None, may_fail: bool = False) -> str:
        """What `custos <arguments>` prints; raises DemoError with its words when it refuses."""
        argv = (*self._command, "--config", str(self.config), *arguments)
        ran = await run(argv, given=given, environment=_environment())
        if ran.status != 0 and not may_fail:
            raise DemoError(f"`custos {' '.join(arguments)}` failed: {ran.errors.strip()}")
        return ran.output

    async def findings(self) -> list[str]:
        """What `custos doctor` has against this machine: problems in its words, warnings by name."""
        found = json.loads(await self.command("doctor", "--json", may_fail=True))
        said = [f"problem: {each['words']} [{each['code']}]" for each in found if each["level"] == "problem"]
        warnings = [each["code"] for each in found if each["level"] == "warning"]
        if warnings:
            said.append(f"`custos doctor` warns of: {', '.join(warnings)}")
        return said

    async def register(self, one: Account) -> None:
        """Make the account."""
        arguments = ["user", "add", one.username, "--name", one.name, "--role", one.role, "--unit", one.unit]
        await self.command(*arguments, "--password-stdin", given=f"{one.password}\n")

    async def token(self, one: Account) -> str:
        """A bearer token for the account."""
        return (await self.command("token", "create", one.username, "--label", "demonstration")).strip()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Run `custos serve`; ready on entering, stopped on leaving. Raises DemoError."""
        with self.log.open("wb") as log:
            process, reading = await self._start(log)
            self._process = process
            try:
                await self._ready(process, reading)
                yield
            finally:
                await _stop(process)

    async def ended(self) -> int:
        """Wait for the server to end by itself or after `serving`; its exit status."""
        assert self._process is not None
        return await self._process.wait()

    async def _start(self, log: IO[bytes]) -> tuple[Process, int]:
        reading, writing = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *self._tied, *self._command, "--config", str(self.config), "serve",
                stdin=DEVNULL, stdout=log, stderr=log,
                env={**_environment(), _READY_VARIABLE: str(writing)},
                pass_fds=(writing,),
                # Ctrl-C reaches this process alone, which stops the server in its own time.
                start_new_session=True,
            )  # fmt: skip
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        return process, reading

    async def _ready(self, process: Process, reading: int) -> None:
        loop = asyncio.get_running_loop()
        heard: asyncio.Future[bytes] = loop.create_future()

        def hear() -> None:
            loop.remove_reader(reading)
            if not heard.done():
                heard.set_result(os.read(reading, 64))

        loop.add_reader(reading, hear)
        try:
            async with asyncio.timeout(_READY_SECONDS):
                said = await heard
        except TimeoutError:
            raise DemoError(f"Custos was not ready after {_READY_SECONDS:g} s. See {self.log}.") from None
        finally:
            loop.remove_reader(reading)
            os.close(reading)
        if not said:
            status = await process.wait()
            last = (self.log.read_text("utf-8", "replace").splitlines() or ["nothing was written"])[-1]
            raise DemoError(f"Custos ended with exit status {status}: {last} See {self.log}.")


async def _stop(process: Process) -> None:
    """Ask the server to stop; kill it when it does not within a minute."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            # Its parts cannot outlive it.
            process.kill()
    await process.wait()


def _environment() -> Mapping[str, str]:
    """This process's, without settings of another Custos."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CUSTOS_")}
