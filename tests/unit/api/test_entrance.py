"""Connections are taken by whoever is free."""

from __future__ import annotations

import asyncio
import select
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager

from api.entrance import Entrance
from custos.listening import bound
from tests.serving.waiting import PATIENCE_SECONDS, eventually


class Says(asyncio.Protocol):
    """Says its server's name to whoever connects, and ends the connection."""

    def __init__(self, name: bytes) -> None:
        self._name = name

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(self._name)
        transport.close()


@contextmanager
def server(listening: socket.socket, name: bytes) -> Iterator[asyncio.AbstractEventLoop]:
    """A server on a thread of its own, as in a process of its own; its loop."""
    started: Future[asyncio.AbstractEventLoop] = Future()
    stop = asyncio.Event()

    async def serve() -> None:
        entrance = Entrance([listening.dup()], lambda: Says(name))
        entrance.open()
        started.set_result(asyncio.get_running_loop())
        await stop.wait()
        await entrance.close()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    loop = started.result(PATIENCE_SECONDS)
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


def test_who_hangs_keeps_at_most_one_connection_from_the_others() -> None:
    (listening,) = bound("127.0.0.1", 0)
    hangs, goes_on = threading.Event(), threading.Event()
    with listening, ExitStack() as stack:
        one = stack.enter_context(server(listening, b"1"))
        stack.enter_context(server(listening, b"2"))

        def hang() -> None:
            hangs.set()
            goes_on.wait()

        one.call_soon_threadsafe(hang)
        hangs.wait()
        lines = [socket.create_connection(listening.getsockname()) for _ in range(20)]
        try:
            eventually(
                lambda: len(select.select(lines, [], [], 0)[0]) >= len(lines) - 1,
                "all are answered, or all but one",
            )
            goes_on.set()
            answers = [line.recv(1) for line in lines]
            assert answers.count(b"2") >= len(lines) - 1
        finally:
            goes_on.set()
            for line in lines:
                line.close()


def test_who_has_closed_takes_no_more_and_others_do() -> None:
    (listening,) = bound("127.0.0.1", 0)
    with listening, server(listening, b"2"):
        with server(listening, b"1"):
            pass
        for _ in range(10):
            with socket.create_connection(listening.getsockname()) as line:
                assert line.recv(1) == b"2"
