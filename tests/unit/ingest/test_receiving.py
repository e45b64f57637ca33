"""A request that is cut short at any point leaves no writer behind."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from custos.wiring import open_services
from evidence.errors import Conflict, Invalid
from evidence.items import UploadState
from ingest.receiving import Checksum
from storage.objects.staging import StagingDirectory
from tests.fault.scenario import Bell, metadata, pieces, settings_for, somebody, work

DATA = b"0123456789" * 10_000


async def test_a_request_superseded_while_its_file_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_go_on = threading.Event(), threading.Event()
    original = StagingDirectory.open

    def slow(self: StagingDirectory, upload_id: str, offset: int) -> Any:
        if not begun.is_set():
            begun.set()
            may_go_on.wait()
        return original(self, upload_id, offset)

    monkeypatch.setattr(StagingDirectory, "open", slow)
    bell = Bell()
    async with open_services(settings_for(tmp_path / "data"), bell, "test") as services:
        agent = await somebody(services)
        upload = await services.uploads.open(agent, len(DATA), metadata(filename="a.bin"))

        def send(offset: int, end: int) -> Any:
            return services.uploads.receive(agent, upload.id, offset, None, pieces(DATA[:end], offset), None)

        older = asyncio.create_task(send(0, len(DATA)))
        await asyncio.to_thread(begun.wait)
        newer = asyncio.create_task(send(0, 50_000))
        asyncio.get_running_loop().call_later(0.05, may_go_on.set)
        assert (await newer).offset == 50_000
        with pytest.raises(Conflict):
            await older
        assert (await send(50_000, len(DATA))).state is UploadState.ACCEPTED
        await work(services, bell)
        assert await services.uploads.receipt(agent, upload.id) is not None
        (view,) = await services.reading.items(agent, None)
        async with services.store.open(view.item.key) as file:
            assert file.read() == DATA


@pytest.mark.parametrize("header", ["sha1 é", "md5 YQ==", "sha256 ***", ""])
def test_a_checksum_that_cannot_be_read_is_refused(header: str) -> None:
    with pytest.raises(Invalid):
        Checksum.parse(header)
