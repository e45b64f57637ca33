"""A real `custos serve`, and the peers that it is measured against."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
CUSTOS = [sys.executable, "-m", "custos"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Server:
    """A running Custos and somebody who may do everything in it."""

    url: str
    token: str
    data: Path
    pid: int

    def curl(self, *arguments: str) -> list[str]:
        return ["curl", "--silent", "--show-error", "-H", f"Authorization: Bearer {self.token}", *arguments]

    def json(self, path: str) -> Any:
        return json.loads(subprocess.run(self.curl(self.url + path), check=True, capture_output=True).stdout)

    def open_upload(self, length: int, name: str) -> str:
        from base64 import b64encode

        command = self.curl(
            *("-i", "-X", "POST", f"{self.url}/uploads", "-H", "Tus-Resumable: 1.0.0"),
            *("-H", f"Upload-Length: {length}"),
            *("-H", f"Upload-Metadata: filename {b64encode(name.encode()).decode()}"),
        )
        answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return next(line.split()[1] for line in answer.splitlines() if line.lower().startswith("location:"))

    def patch(self, location: str, file: Path) -> list[str]:
        return self.curl(*patch_arguments(self.url + location, file))

    def part(self, name: str) -> int:
        """The process id of one part."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        for child in children:
            if f"custos\0{name}\0" in Path(f"/proc/{child}/cmdline").read_text():
                return int(child)
        raise LookupError(name)

    def peak_mib(self, name: str) -> float:
        """The most memory that one part ever had."""
        status = Path(f"/proc/{self.part(name)}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def patch_arguments(url: str, file: Path) -> tuple[str, ...]:
    return (
        *("--fail", "-X", "PATCH", url, "-T", str(file), "-H", "Expect:", "-H", "Tus-Resumable: 1.0.0"),
        *("-H", "Upload-Offset: 0", "-H", "Content-Type: application/offset+octet-stream"),
    )


@contextmanager
def custos(data: Path, token: str | None = None, **settings: str) -> Iterator[Server]:
    """With somebody new who may do everything, or with whoever has that token there already."""
    port = free_port()
    environment = {
        **os.environ,
        "CUSTOS_DATA": str(data),
        "CUSTOS_API__PORT": str(port),
        "CUSTOS_INGEST__RESERVE_BYTES": "0",
        "CUSTOS_PROTECTION__IMMUTABLE": "false",
        "CUSTOS_LOG__LEVEL": "error",
        **settings,
    }
    if token is None:
        # A data directory may have been measured before.
        name = f"bench-{secrets.token_hex(4)}"
        add = [*CUSTOS, "user", "add", name, "--role", "supervisor", "--unit", "bench", "--password-stdin"]
        subprocess.run(
            add, input=b"benchmark password\n", check=True, env=environment, stdout=subprocess.DEVNULL
        )
        token = subprocess.run(
            [*CUSTOS, "token", "create", name], check=True, env=environment, capture_output=True, text=True
        ).stdout.strip()
    reading, writing = os.pipe()
    serve = subprocess.Popen(
        [*CUSTOS, "serve"], env={**environment, "CUSTOS_READY_FD": str(writing)}, pass_fds=(writing,)
    )
    os.close(writing)
    try:
        with os.fdopen(reading) as ready:
            if not ready.readline():
                raise RuntimeError("custos serve did not become ready")
        yield Server(f"http://127.0.0.1:{port}", token, data, serve.pid)
    finally:
        serve.send_signal(signal.SIGINT)
        serve.wait()


@contextmanager
def tus_peer(directory: Path) -> Iterator[str]:
    directory.mkdir(parents=True)
    peer = subprocess.Popen(
        ["node", str(ROOT / "tests/benchmarks/node/peer.mjs"), str(directory)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert peer.stdout is not None
    try:
        yield f"http://127.0.0.1:{peer.stdout.readline().strip()}/files"
    finally:
        peer.terminate()
        peer.wait()


@contextmanager
def nginx(root: Path, work: Path) -> Iterator[str]:
    port = free_port()
    work.mkdir(parents=True)
    config = work / "nginx.conf"
    config.write_text(
        f"user root; worker_processes 1; daemon off; pid {work}/pid; error_log {work}/error.log;\n"
        "events { worker_connections 256; }\n"
        f"http {{ access_log off; sendfile on; tcp_nopush on; client_body_temp_path {work}/a; "
        f"proxy_temp_path {work}/b; fastcgi_temp_path {work}/c; "
        f"uwsgi_temp_path {work}/d; scgi_temp_path {work}/e; "
        f"server {{ listen 127.0.0.1:{port}; root {root}; }} }}\n"
    )
    server = subprocess.Popen(["nginx", "-c", str(config)], stderr=subprocess.DEVNULL)
    try:
        wait_for_port(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def wait_for_port(port: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def timed(*commands: list[str]) -> float:
    """Seconds until all of the commands, started together, have ended well."""
    started = time.perf_counter()
    running = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for command in commands]
    for process in running:
        if process.wait() != 0:
            raise RuntimeError(f"{process.args!r} failed")
    return time.perf_counter() - started
