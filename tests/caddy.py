"""A Caddy with the project's own Caddyfile, on loopback, in front of a server of the tests."""

from __future__ import annotations

import os
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit

from tests.places import ROOT
from tests.serving.tree import free_port
from tests.serving.waiting import eventually

CADDYFILE = ROOT / "deploy" / "caddy" / "Caddyfile"


@dataclass(frozen=True, slots=True)
class Caddy:
    """One that serves, and the authority that vouches for it."""

    port: int
    watch_port: int
    root: Path

    @property
    def url(self) -> str:
        """Where people reach what is behind it."""
        return f"https://localhost:{self.port}"

    def connection(self) -> HTTPSConnection:
        """One that believes that authority alone."""
        trusting = ssl.create_default_context(cafile=str(self.root))
        return HTTPSConnection("localhost", self.port, context=trusting, timeout=60)


@contextmanager
def caddy_before(upstream: str, base: Path) -> Iterator[Caddy]:
    """One for as long as the block runs; all that it keeps is below `base`."""
    http, https, watch = free_port(), free_port(), free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(base),
        "XDG_DATA_HOME": str(base / "data"),
        "XDG_CONFIG_HOME": str(base / "config"),
        "CUSTOS_SITE": "localhost",
        "CUSTOS_UPSTREAM": urlsplit(upstream).netloc,
        "CUSTOS_HTTP_PORT": str(http),
        "CUSTOS_HTTPS_PORT": str(https),
        "CUSTOS_WATCH_PORT": str(watch),
    }
    with (base / "caddy.log").open("wb") as log:
        process = subprocess.Popen(
            ["caddy", "run", "--adapter", "caddyfile", "--config", str(CADDYFILE)],
            env=environment, cwd=base, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    caddy = Caddy(https, watch, base / "data/caddy/pki/authorities/local/root.crt")

    def serves() -> bool:
        assert process.poll() is None, (base / "caddy.log").read_text()
        try:
            connection = caddy.connection()
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    try:
        eventually(lambda: caddy.root.is_file() and serves(), "Caddy serves")
        yield caddy
    finally:
        # Asked to stop, it waits for connections that tests have left open.
        process.kill()
        process.wait(60)
