"""The store in a bucket against boto3's own ways, on the same SeaweedFS."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import statistics
import time
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from boto3.s3.transfer import TransferConfig

from evidence.ids import new_id
from evidence.keys import original_key
from storage.objects.s3.client import Bucket
from storage.objects.s3.store import S3Store
from tests.benchmarks.results import Report
from tests.seaweed import Seaweed, running

_SIZE = 256 << 20
_STRETCH = 32 << 20
_ROUNDS = 9
_COMMITS = 5


def measure(work: Path, report: Report) -> None:
    """One recording after another, each way in turn, so that what the disk does meets both."""
    with running(work / "seaweed") as server:
        name = server.make_bucket()
        asyncio.run(
            _measure(server, name, S3Store(Bucket(server.place(name)), work / "scratch"), work, report)
        )


async def _measure(server: Seaweed, name: str, store: S3Store, work: Path, report: Report) -> None:
    data = os.urandom(_SIZE)
    sha256 = hashlib.sha256(data).hexdigest()
    until = datetime.now(UTC) + timedelta(days=1)
    key = original_key(new_id(until), sha256, until)
    # As many parts at once and as large as ours; its own default parts are half that.
    transfer = TransferConfig(multipart_chunksize=16 << 20, max_concurrency=4)
    admin = server.administrator()
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(_COMMITS + 1):
        path = work / "recording"
        path.write_bytes(data)
        peer = partial(admin.upload_file, str(path), name, f"peer/{secrets.token_hex(8)}", Config=transfer)
        key = original_key(new_id(until), sha256, until)
        theirs.append(await _timed(asyncio.to_thread(peer)))
        commit = store.commit(key, path, size=_SIZE, sha256=sha256, locked_until=until)
        ours.append(await _timed(commit))
    # The first makes the server's volumes.
    own = statistics.median(ours[1:])
    report.at_least(
        "commit to a bucket, against boto3's transfer manager",
        statistics.median(theirs[1:]) / own,
        0.9,
        f"{_SIZE / own / 1e6:.0f} MB/s; {_SIZE >> 20} MiB, medians of {_COMMITS}",
    )
    version = (await store.stat(key)).version
    ours, theirs = [], []
    for number in range(_ROUNDS):
        at = number * (_SIZE - _STRETCH) // _ROUNDS
        span = (at, at + _STRETCH)
        theirs.append(await _timed(asyncio.to_thread(_read, admin, name, key, version, span)))
        ours.append(await _timed(_read_ours(store, key, version, span)))
    own = statistics.median(ours)
    report.at_least(
        "a stretch read from a bucket, against boto3 reading it",
        statistics.median(theirs) / own,
        0.6,
        f"{_STRETCH / own / 1e6:.0f} MB/s; {_STRETCH >> 20} MiB, medians of {_ROUNDS}",
    )


def _read(client: Any, name: str, key: str, version: str, span: tuple[int, int]) -> None:
    answer = client.get_object(
        Bucket=name, Key=key, VersionId=version, Range=f"bytes={span[0]}-{span[1] - 1}"
    )
    assert sum(len(piece) for piece in answer["Body"].iter_chunks(1 << 20)) == span[1] - span[0]


async def _read_ours(store: S3Store, key: str, version: str, span: tuple[int, int]) -> None:
    """As an answer to a player is read: a mebibyte at a time, each on a thread."""
    async with store.open(key, version=version, span=span) as file:
        await asyncio.to_thread(file.seek, span[0])
        left = span[1] - span[0]
        while left:
            left -= len(await asyncio.to_thread(file.read, min(left, 1 << 20)))


async def _timed(work: Awaitable[object]) -> float:
    begun = time.perf_counter()
    await work
    return time.perf_counter() - begun
