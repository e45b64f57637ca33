"""nginx before several hosts, by the configuration that `deploy/nginx` ships."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.places import ROOT
from tests.serving.client import Client
from tests.serving.tree import free_port
from tests.serving.waiting import eventually

SHIPPED = ROOT / "deploy" / "nginx" / "custos.conf"
#: The two hosts that stand in the shipped file, and what uploads of theirs end in there.
_HOSTS = (("10.0.0.11:8420", "00000001"), ("10.0.0.12:8420", "00000002"))


@contextmanager
def proxied(base: Path, ports: Sequence[int], tags: Sequence[str]) -> Iterator[str]:
    """A proxy before two hosts that listen on these ports; its address."""
    said = SHIPPED.read_text("utf-8")
    for (address, place), port, tag in zip(_HOSTS, ports, tags, strict=True):
        assert address in said
        assert place in said
        said = said.replace(address, f"127.0.0.1:{port}").replace(place, tag)
    assert not re.search(r"10\.0\.0\.|0000000", said)
    base.mkdir()
    (base / "custos.conf").write_text(said)
    port = free_port()
    (base / "custos-listen.conf").write_text(f"listen 127.0.0.1:{port};\n")
    (base / "nginx.conf").write_text(
        f"worker_processes 1; daemon off; pid {base}/pid; error_log {base}/error.log;\n"
        "events { worker_connections 256; }\n"
        f"http {{ access_log off; client_body_temp_path {base}/a; proxy_temp_path {base}/b; "
        f"fastcgi_temp_path {base}/c; uwsgi_temp_path {base}/d; scgi_temp_path {base}/e; "
        "include custos.conf; }\n"
    )
    server = subprocess.Popen(
        ["nginx", "-c", str(base / "nginx.conf"), "-e", str(base / "error.log")], stderr=subprocess.DEVNULL
    )
    try:
        url = f"http://127.0.0.1:{port}"
        eventually(lambda: _answers(url), "the proxy answers")
        yield url
    finally:
        server.terminate()
        server.wait()


def _answers(url: str) -> bool:
    try:
        return Client(url).get("/healthz").status == 200
    except OSError:
        return False
