"""Connections from a socket on which several processes listen, one at a time.

Each process waits in `accept` itself, on a thread: the kernel lets those who wait there have a turn one after
another, where of those who poll the same one is woken first again and again. The next connection is taken
once the loop has this one, so that a process that is busy takes fewer, and one that hangs no more than one.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError

#: Connections that may wait for a process; the kernel has its own limit (somaxconn).
_QUEUE = 1024
#: How often whoever waits looks whether it is to stop.
_LOOK_MICROSECONDS = 200_000
_PAUSE_SECONDS = 0.1


class Entrance:
    """What takes connections for the servers' protocol `serve`, until it is closed."""

    def __init__(self, sockets: Sequence[socket.socket], serve: Callable[[], asyncio.Protocol]) -> None:
        self._sockets = sockets
        self._serve = serve
        self._loop = asyncio.get_running_loop()
        self._is_closing = threading.Event()
        self._threads: list[threading.Thread] = []

    def open(self) -> None:
        """Listen, and take what comes. Raises OSError where somebody else listens there."""
        for each in self._sockets:
            # The socket is one for all processes, and so is this.
            each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, _LOOK_MICROSECONDS))
            each.listen(_QUEUE)
        for each in self._sockets:
            thread = threading.Thread(target=self._take, args=(each,), name="entrance", daemon=True)
            self._threads.append(thread)
            thread.start()

    async def close(self) -> None:
        """Take no more; what was taken is served on. Others go on listening."""
        self._is_closing.set()
        for thread in self._threads:
            await asyncio.to_thread(thread.join)
        for each in self._sockets:
            each.close()

    def _take(self, listening: socket.socket) -> None:
        while not self._is_closing.is_set():
            try:
                connection, _ = listening.accept()
            except BlockingIOError:
                continue
            except OSError:
                # Whoever came has gone again, or there is no descriptor left for now.
                self._is_closing.wait(_PAUSE_SECONDS)
                continue
            connection.setblocking(False)
            taking = self._loop.connect_accepted_socket(self._serve, connection)
            try:
                asyncio.run_coroutine_threadsafe(taking, self._loop).result()
            except (OSError, RuntimeError, CancelledError):
                connection.close()
