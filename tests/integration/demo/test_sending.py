"""The tus client and the checks against a real server."""

from __future__ import annotations

import asyncio
import os
import re
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from io import StringIO
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from clients.demo import tus
from clients.demo.caller import Caller
from clients.demo.console import Checks, Console
from clients.demo.errors import DemoError
from clients.demo.fixity import check_fixity, items_by_id
from clients.demo.recordings import digest_of, from_files
from clients.demo.sending import measure, send_all
from clients.demo.server import Custos

#: The server is started once, on the loop that all of these tests share.
pytestmark = pytest.mark.asyncio(loop_scope="module")
_SIZE = 24 << 20


class Line:
    """What carries bytes between a client and the server; cuts each of the first connections with a body."""

    def __init__(self, server: str, cut_after: int, cuts: int) -> None:
        self._host, self._port = urlsplit(server).hostname, urlsplit(server).port
        self._cut_after = cut_after
        self._cuts = cuts
        self.made = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[str]:
        """The address to use instead of the server's."""
        listening = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        async with listening:
            yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"

    async def _carry(self, reader: StreamReader, writer: StreamWriter) -> None:
        upstream_reader, upstream = await asyncio.open_connection(self._host, self._port)

        def counted(total: int) -> bool:
            if total < self._cut_after or self.made >= self._cuts:
                return True
            self.made += 1
            return False

        back = asyncio.create_task(_pump(upstream_reader, writer, lambda _total: True))
        await _pump(reader, upstream, counted)
        back.cancel()
        for each in (upstream, writer):
            each.transport.abort()
        with suppress(asyncio.CancelledError):
            await back


async def _pump(reader: StreamReader, writer: StreamWriter, go_on: Callable[[int], bool]) -> None:
    total = 0
    with suppress(ConnectionError):
        while piece := await reader.read(65536):
            total += len(piece)
            writer.write(piece)
            await writer.drain()
            if not go_on(total):
                return


async def test_an_upload_that_is_cut_goes_on_where_the_server_stands(
    custos: Custos, station: Caller, tmp_path: Path
) -> None:
    file = tmp_path / "long.bin"
    file.write_bytes(os.urandom(_SIZE))
    heard: list[str] = []
    line = Line(custos.url, cut_after=_SIZE // 4, cuts=2)
    async with line.open() as address:
        through = Caller(address, station.session)
        location = await tus.create(
            through, _SIZE, {"filename": "长录像.bin", "device": "T", "sha256": digest_of(file)}
        )
        await tus.send(through, location, file, on_cut=heard.append)
    state = await station.get(location)
    assert (state["offset"], state["sha256"]) == (_SIZE, digest_of(file))
    assert state["state"] in ("accepted", "committed")
    assert len(heard) == line.made == 2


async def test_a_file_that_is_not_what_was_measured_is_refused_in_the_servers_words(
    station: Caller, tmp_path: Path
) -> None:
    file = tmp_path / "changed.bin"
    file.write_bytes(b"the card gave these bytes")
    location = await tus.create(station, 25, {"filename": "changed.bin", "sha256": "0" * 64})
    with pytest.raises(DemoError, match=re.escape("Keep the card")):
        await tus.send(station, location, file)
    with pytest.raises(DemoError, match="digest-mismatch"):
        await tus.send(station, location, file)


async def test_a_stored_copy_that_was_changed_is_found(
    custos: Custos, station: Caller, reviewer: Caller, clips: tuple[Path, Path]
) -> None:
    output = StringIO()
    console = Console(output, live=False)
    ways = await measure(from_files(clips, "TEST"))
    watch = await send_all(station, ways, console)
    assert [watch.failures(way) for way in ways] == [[], []]
    items = await items_by_id(reviewer)

    sound = Checks(console)
    for way in ways:
        await check_fixity(sound, station, way, items[way.item or ""], custos.data)
    assert not sound.failed

    (stored,) = (custos.data / "store" / "objects" / "originals").glob(f"*/*/{ways[0].item}/{ways[0].sha256}")
    stored.chmod(0o644)
    with stored.open("r+b") as file:
        file.write(b"forged")
    stored.chmod(0o444)
    checks = Checks(console)
    for way in ways:
        await check_fixity(checks, station, way, items[way.item or ""], custos.data)
    assert len(checks.failed) == 1
    assert "the stored bytes' is" in checks.failed[0]
    assert "FAILED" in output.getvalue()
