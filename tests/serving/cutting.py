"""A line that breaks in the middle of an upload or a download."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress


class CuttingProxy:
    """A TCP proxy that breaks a connection after `after` bytes have gone towards the server.

    `down`: from it. `times`: so often, each after as many bytes more.
    """

    def __init__(self, target: tuple[str, int], after: int, *, times: int = 1, down: bool = False) -> None:
        self._target = target
        self._after = self._left = after
        self._times = times
        self._down = down
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._lines: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.cuts = 0

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> CuttingProxy:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        # Closing a listener does not wake whoever accepts on it; shutting it down does.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        # It may be about to add a line.
        self._threads[0].join()
        for line in self._lines:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for line in (self._listener, *self._lines):
            line.close()

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._target)
            self._lines += [client, server]
            self._start(self._carry, client, server, not self._down)
            self._start(self._carry, server, client, self._down)

    def _carry(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if counted and self._spent(len(data)):
                    for line in (source, sink):
                        line.shutdown(socket.SHUT_RDWR)
                    return
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def _spent(self, size: int) -> bool:
        with self._lock:
            before, self._left = self._left, self._left - size
            if before > 0 >= self._left:
                self.cuts += 1
                if self.cuts < self._times:
                    self._left = self._after
                return True
            return False
