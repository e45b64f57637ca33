"""A RabbitMQ of the tests' own, on loopback, with everything that it keeps below one directory."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

from kombu.connection import Connection

from tests.serving.certificates import Certificate
from tests.serving.tree import free_port
from tests.serving.waiting import eventually

_PROGRAM = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
_READY = b"Server startup complete"
#: A server that lives for a minute needs no more of the machine than this.
_ERLANG = "+S 1:1 +A 4 -kernel inet_dist_use_interface {127,0,0,1}"


class RabbitMQ:
    """One server; `kill` and `start` as often as wanted. What it kept is gone then."""

    name = "rabbitmq"

    def __init__(self, base: Path, certificate: Certificate, advanced: str = "[].") -> None:
        """`advanced` is Erlang's terms of a configuration."""
        self.base = base
        self.port, self._distribution, self._names = free_port(), free_port(), free_port()
        self.tls_port = free_port()
        self._password = secrets.token_hex(8)
        self._process: subprocess.Popen[bytes] | None = None
        self._listener: threading.Thread | None = None
        self._directory: subprocess.Popen[bytes] | None = None
        base.mkdir(parents=True, exist_ok=True)
        lines = [
            "default_user = custos",
            f"default_pass = {self._password}",
            # What docs/brokers.md has an account given; 3.10 confuses the last two.
            "default_vhost = custos",
            "default_permissions.configure = ^custos",
            "default_permissions.write = ^(custos|amq[.]default)",
            "default_permissions.read = ^(custos|amq[.]default)",
            f"listeners.ssl.default = 127.0.0.1:{self.tls_port}",
            f"ssl_options.cacertfile = {certificate.root}",
            f"ssl_options.certfile = {certificate.certificate}",
            f"ssl_options.keyfile = {certificate.key}",
        ]
        (base / "rabbitmq.conf").write_text("\n".join(lines) + "\n")
        (base / "advanced.config").write_text(advanced)
        (base / "plugins").write_text("[].")
        (base / "environment").touch()
        (base / ".erlang.cookie").write_text(secrets.token_hex(10))
        (base / ".erlang.cookie").chmod(0o400)

    @property
    def url(self) -> str:
        """As `broker.url` takes it."""
        return f"amqp://custos:{self._password}@127.0.0.1:{self.port}/custos"

    @property
    def password(self) -> str:
        """Of the account "custos"."""
        return self._password

    @property
    def log(self) -> str:
        """All that it ever said."""
        return (self.base / "log").read_text("utf-8", "replace")

    def start(self) -> None:
        """Empty, unless it runs; returns once it says that it serves."""
        if self._process is not None:
            return
        shutil.rmtree(self.base / "mnesia", ignore_errors=True)
        self._begin_directory()
        self._process = subprocess.Popen(
            [str(_PROGRAM)], env=self._environment(), cwd=self.base, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        is_ready: Future[bool] = Future()
        self._listener = threading.Thread(target=self._listen, args=(self._process, is_ready))
        self._listener.start()
        assert is_ready.result(120), self.log

    def kill(self) -> None:
        """SIGKILL; nothing of it runs any more on return."""
        if self._process is not None:
            os.kill(self._process.pid, signal.SIGKILL)
            self._process.wait(60)
            assert self._listener is not None
            # Its helpers hold the pipe until they are gone too.
            self._listener.join(60)
            self._process = None

    def close(self) -> None:
        """The server, and the daemon that knows where nodes listen."""
        self.kill()
        if self._directory is not None:
            self._directory.kill()
            self._directory.wait(60)
            self._directory = None

    def purge(self, queue: str) -> None:
        """Throw away what waits there."""
        with self.connected() as connection:
            _declared(connection, queue)
            connection.default_channel.queue_purge(queue)

    def waiting(self, queue: str) -> int:
        """How many messages wait there."""
        with self.connected() as connection:
            return _declared(connection, queue)

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        """A connection as the service's account."""
        with Connection(self.url, heartbeat=0) as connection:
            connection.ensure_connection(max_retries=1)
            yield connection

    def _environment(self) -> dict[str, str]:
        kept = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(self.base)}
        own = {
            "NODENAME": f"custos{self.port}@localhost",
            "MNESIA_BASE": self.base / "mnesia",
            "LOG_BASE": self.base / "logs",
            "NODE_IP_ADDRESS": "127.0.0.1",
            "NODE_PORT": self.port,
            "DIST_PORT": self._distribution,
            "CONF_ENV_FILE": self.base / "environment",
            "CONFIG_FILE": self.base / "rabbitmq.conf",
            "ADVANCED_CONFIG_FILE": self.base / "advanced.config",
            "ENABLED_PLUGINS_FILE": self.base / "plugins",
            "LOGS": "-",
            "SERVER_ADDITIONAL_ERL_ARGS": _ERLANG,
        }
        return {
            **kept,
            **{f"RABBITMQ_{name}": str(value) for name, value in own.items()},
            "ERL_EPMD_PORT": str(self._names),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            # The program becomes the server, instead of a shell that waits for it.
            "detached": "yes",
        }

    def _begin_directory(self) -> None:
        """Before the server, which would leave one of its own behind."""
        if self._directory is None:
            self._directory = subprocess.Popen(
                ["epmd", "-address", "127.0.0.1", "-port", str(self._names)],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            eventually(lambda: _listens(self._names), "epmd listens")

    def _listen(self, process: subprocess.Popen[bytes], is_ready: Future[bool]) -> None:
        assert process.stdout is not None
        with process.stdout, (self.base / "log").open("ab", buffering=0) as log:
            for line in process.stdout:
                log.write(line)
                if _READY in line and not is_ready.done():
                    is_ready.set_result(True)
        if not is_ready.done():
            is_ready.set_result(False)


def _declared(connection: Connection, queue: str) -> int:
    """Made, if it was not there; how many messages wait in it."""
    return int(connection.default_channel.queue_declare(queue, durable=True, auto_delete=False).message_count)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
