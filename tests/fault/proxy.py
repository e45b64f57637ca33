"""A way to a PostgreSQL that loses what it is told to: a transaction's COMMIT, or the answer to it.

Both sides are read message by message, as they speak (a kind, a length, the rest), so that a cut comes
exactly where it is meant to come.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from pathlib import Path

_COMMIT = b"Q" + (11).to_bytes(4, "big") + b"COMMIT\0"
_COMMITTED = b"C" + (11).to_bytes(4, "big") + b"COMMIT\0"


class Cut(Enum):
    """What becomes of the next COMMIT."""

    #: The server never hears it.
    UNHEARD = "unheard"
    #: The server has done it, and its answer is lost.
    UNANSWERED = "unanswered"
    #: The client is cut off; the server hears it only while the client, back again, asks where things stand.
    LATE = "late"


class Proxy:
    """Listens on a Unix socket in `directory` and passes on to the server whose socket is in `server`.

    `is_waiting` returns once some connection of that server waits for a lock.
    """

    def __init__(self, directory: Path, server: Path, is_waiting: Callable[[], object]) -> None:
        self.directory = directory
        self._server = str(server / ".s.PGSQL.5432")
        self._is_waiting = is_waiting
        self._next: Cut | None = None
        self._held: socket.socket | None = None
        self._unanswered: set[socket.socket] = set()
        #: How often it has cut so.
        self.cuts: list[Cut] = []
        self._lines: list[socket.socket] = []
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(directory / ".s.PGSQL.5432"))
        self._listening.listen()
        self._threads: list[threading.Thread] = []
        self._begin(self._accept)

    def cut(self, how: Cut) -> None:
        """Cut so at the next COMMIT."""
        self._next = how

    def close(self) -> None:
        """End every connection; no thread is left."""
        _end(self._listening)
        for line in self._lines:
            _end(line)
        for thread in self._threads:
            thread.join()
        for line in (self._listening, *self._lines):
            line.close()

    def _begin(self, work: Callable[..., None], *arguments: socket.socket) -> None:
        self._threads.append(threading.Thread(target=work, args=arguments))
        self._threads[-1].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.socket(socket.AF_UNIX)
                self._lines += [client, server]
                try:
                    server.connect(self._server)
                except OSError:
                    _end(client)
                else:
                    self._begin(self._hear, client, server)
                    self._begin(self._answer, client, server)

    def _hear(self, client: socket.socket, server: socket.socket) -> None:
        """Pass on what the client says."""
        with suppress(OSError):
            server.sendall(_message(client, has_kind=False))
            is_asking = False
            while True:
                message = _message(client)
                if message == _COMMIT and self._next is not None:
                    how, self._next = self._next, None
                    self.cuts.append(how)
                    if how is Cut.LATE:
                        self._held = server
                        _end(client)
                        return
                    if how is Cut.UNHEARD:
                        break
                    self._unanswered.add(server)
                server.sendall(message)
                is_asking = is_asking or b"FOR UPDATE" in message
                if is_asking and message[:1] == b"S":
                    is_asking = False
                    self._let_go()
        _end(client)
        if server is not self._held:
            _end(server)

    def _let_go(self) -> None:
        """The COMMIT that was held back, once the one who asks is waiting for what it will do."""
        if self._held is not None:
            self._is_waiting()
            held, self._held = self._held, None
            self._unanswered.add(held)
            held.sendall(_COMMIT)

    def _answer(self, client: socket.socket, server: socket.socket) -> None:
        """Pass on what the server says."""
        with suppress(OSError):
            while True:
                message = _message(server)
                if message == _COMMITTED and server in self._unanswered:
                    break
                client.sendall(message)
        _end(client)
        _end(server)


def _message(line: socket.socket, *, has_kind: bool = True) -> bytes:
    """One message, whole; the very first one has no kind. Raises ConnectionError at its end."""
    head = _exactly(line, 5 if has_kind else 4)
    return head + _exactly(line, int.from_bytes(head[-4:], "big") - 4)


def _exactly(line: socket.socket, count: int) -> bytes:
    found = bytearray()
    while len(found) < count:
        piece = line.recv(count - len(found))
        if not piece:
            raise ConnectionError
        found += piece
    return bytes(found)


def _end(line: socket.socket) -> None:
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
