"""A proxy before an S3 server that does to chosen requests what happens to requests."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

#: What may happen to one: it is done and not answered, its answer breaks off in the middle, it is refused.
LOST, CUT, ERROR, BUSY = "lost", "cut", 500, 503

Fault = str | int | None


@dataclass
class FaultyStore:
    """Requests go through; `plan` says of each what happens to it, by its method and path."""

    url: str
    plan: Callable[[str, str], Fault] = lambda method, path: None
    happened: list[tuple[str, str, Fault]] = field(default_factory=list)

    def once(self, fault: Fault, method: str, within: str, *, times: int = 1) -> None:
        """The next `times` requests of that method whose path has `within` in it meet that fault."""
        left = [times]
        lock = threading.Lock()

        def plan(asked: str, path: str) -> Fault:
            with lock:
                if asked != method or within not in path or not left[0]:
                    return None
                left[0] -= 1
                return fault

        self.plan = plan

    @property
    def faults(self) -> list[Fault]:
        """Those that happened."""
        return [fault for _, _, fault in self.happened if fault is not None]


@contextmanager
def faulty_store(endpoint: str) -> Iterator[FaultyStore]:
    """A proxy before that server for as long as the block runs."""
    target = urlsplit(endpoint)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            """What is asked of it is kept in `happened`."""

        def _pass(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            fault = proxy.plan(self.command, self.path)
            proxy.happened.append((self.command, self.path, fault))
            if isinstance(fault, int):
                self.send_response(fault)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            line = http.client.HTTPConnection(target.hostname or "", target.port, timeout=60)
            try:
                line.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in self.headers.items():
                    if name.lower() != "expect":
                        line.putheader(name, value)
                line.endheaders(body)
                answer = line.getresponse()
                data = answer.read()
            finally:
                line.close()
            if fault == LOST:
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in {"connection", "transfer-encoding", "content-length"}:
                    self.send_header(name, value)
            length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(data))
            self.send_header("Content-Length", length or "0")
            self.end_headers()
            if fault == CUT:
                self.wfile.write(data[: len(data) // 2])
                self.close_connection = True
                return
            self.wfile.write(data)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _pass  # noqa: N815  # as http.server names them

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        proxy = FaultyStore(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join()
