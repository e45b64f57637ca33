"""What the server processes of one host share: above all the listening sockets.

One socket has one queue of connections, and whichever process is free takes the next: none lands with a
process that is gone or not ready. Whoever starts the processes binds the socket and hands it to each; the
first that is ready listens on it. Once none runs any more it is closed, so that nobody queues for nobody,
and bound anew for the next one (docs/adr/0033).
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress

LISTEN_FDS = "CUSTOS_LISTEN_FDS"
#: Names the directory where server processes keep what each has counted; prometheus_client's own variable.
METRICS_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"


class Door:
    """The sockets of one address, for as long as some process uses them."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._sockets: list[socket.socket] = []
        self._users = 0

    def enter(self) -> tuple[int, ...]:
        """For a process that is about to start: the descriptors that it inherits. Pair with `leave`.

        None where the address cannot be had: the process then tries by itself, and says what is wrong.
        """
        self._users += 1
        if not self._sockets:
            with suppress(OSError):
                self._sockets = bound(self._host, self._port)
        return tuple(one.fileno() for one in self._sockets)

    def leave(self) -> None:
        """A process has ended."""
        self._users -= 1
        if self._users == 0:
            while self._sockets:
                self._sockets.pop().close()


def bound(host: str, port: int) -> list[socket.socket]:
    """A bound socket for each address of the host; nobody listens yet. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in dict.fromkeys(found):
            made = socket.socket(family, kind, protocol)
            sockets.append(made)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            made.bind(address)
    except OSError:
        for made in sockets:
            made.close()
        raise
    return sockets


def inherited() -> list[socket.socket]:
    """What this process was given to listen on; to be asked once. Nothing else that it starts gets it."""
    given = os.environ.pop(LISTEN_FDS, "")
    sockets = []
    for number in filter(str.isdecimal, given.split(",")):
        os.set_inheritable(int(number), False)
        sockets.append(socket.socket(fileno=int(number)))
    return sockets
