"""TCP connections that can be cut, slowed and stopped, whatever is spoken over them."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

_PIECE = 1 << 16
#: What passes at once on a slow line, and how long the next has to wait.
_SLOW_PIECE, _SLOW_SECONDS = 7, 0.005


class Lines:
    """Listens on loopback, and passes on to a port there."""

    def __init__(self, server: int, slow_piece: int = _SLOW_PIECE) -> None:
        """`slow_piece`: so many bytes pass at once on a slow line."""
        self._server = server
        self._slow_piece = slow_piece
        self._passes = threading.Event()
        self._passes.set()
        self._ended = threading.Event()
        self._is_slow = False
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        #: How many connections there ever were.
        self.connections = 0
        #: How many pieces there ever were.
        self.asked = 0
        self._begin(self._accept)

    def cut(self) -> None:
        """End every connection that there is; new ones are made as before."""
        with self._lock:
            for line in self._open:
                _end(line)

    def stop(self) -> None:
        """Nothing passes any more, and nobody is told."""
        self._passes.clear()

    def go_on(self, *, slowly: bool = False) -> None:
        """What stood still goes on; `slowly`: a few bytes at a time."""
        self._is_slow = slowly
        self._passes.set()

    def close(self) -> None:
        """End all of it; no thread is left."""
        self._ended.set()
        self._passes.set()
        _end(self._listening)
        self.cut()
        for thread in self._threads:
            thread.join()
        self._listening.close()

    def _begin(self, work: object, *arguments: socket.socket) -> None:
        thread = threading.Thread(target=work, args=arguments)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._server))
            except OSError:
                client.close()
                continue
            self.connections += 1
            with self._lock:
                self._open |= {client, server}
            self._begin(self._pass_on, client, server)
            self._begin(self._pass_on, server, client)

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while piece := one.recv(self._slow_piece if self._is_slow else _PIECE):
                self.asked += 1
                self._passes.wait()
                if self._is_slow:
                    self._ended.wait(_SLOW_SECONDS)
                other.sendall(piece)
        _end(one)
        _end(other)
        with self._lock:
            self._open -= {one}
        one.close()


def _end(line: socket.socket) -> None:
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
