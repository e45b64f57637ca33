"""The custody log as it grows to ten million leaves: what each costs, proofs among them, checking all of it.

Ten million take about 12 GB of disk.
"""

from __future__ import annotations

import asyncio
import http.client
import random
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

from custody.key_files import open_signer
from custody.proofs import Proofs
from custos.clock import SystemClock
from custos.settings import Settings
from identity.policy import RolePolicy
from storage.catalogue.catalogue import open_catalogue
from tests.benchmarks import log
from tests.benchmarks.results import Report
from tests.benchmarks.serving import Server, custos

_ROUND = 200_000
_ASKED = 300
_OF_ITEM = 40
_SEED = 20261129


async def _grown(settings: Settings, leaves: int, report: Report) -> None:
    """Round after round of events and leaves."""
    signer = open_signer(settings.keys)
    settings.catalogue_file.parent.mkdir(parents=True, exist_ok=True)
    rates: list[float] = []
    async with open_catalogue(settings.catalogue_file, SystemClock(), "benchmark") as catalogue:
        sequencer = log.sequencer_of(settings, catalogue, signer)
        size = 0
        while size < leaves:
            await log.fill(catalogue, min(_ROUND, leaves - size))
            started, before = time.perf_counter(), size
            while (ran := await sequencer.run()).added:
                size = ran.published
            rates.append((size - before) / (time.perf_counter() - started))
            print(f"     {size:,} leaves, {rates[-1]:,.0f} a second", flush=True)
        report.at_least(
            f"leaves a second, the last tenth of {size:,} against the first",
            _mean(rates[-(len(rates) // 10 or 1) :]) / _mean(rates[: len(rates) // 10 or 1]),
            0.8,
            f"{_mean(rates):,.0f} leaves/s in all",
        )


async def _proven(settings: Settings, report: Report) -> int:
    """Proofs of a log that is there; its size."""
    signer = open_signer(settings.keys)
    async with open_catalogue(settings.catalogue_file, SystemClock(), "benchmark") as catalogue:
        head = await catalogue.read(lambda tx: tx.log.head())
        assert head is not None
        proofs = Proofs(catalogue, RolePolicy(), SystemClock(), signer.note_key)
        await log.prove(catalogue, proofs, head.published, report)
    return head.published


def _mean(rates: list[float]) -> float:
    """Of rounds of equal size."""
    return len(rates) / sum(1 / rate for rate in rates)


def _asked(server: Server, paths: list[str]) -> float:
    """The 95th percentile of the answers' times over one connection, in milliseconds."""
    parts = urlsplit(server.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    taken = []
    for path in paths:
        started = time.perf_counter()
        connection.request("GET", path, headers={"Authorization": f"Bearer {server.token}"})
        answer = connection.getresponse()
        body = answer.read()
        taken.append(time.perf_counter() - started)
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {body!r}")
    connection.close()
    return log.slowest_of(taken)


def _served(settings: Settings, size: int, work: Path, report: Report) -> None:
    draw = random.Random(_SEED)  # which proofs are asked for, no secret
    note = work / "note.txt"
    note.write_text("kept among many")
    with custos(settings.data) as server:
        sizes = [sorted((draw.randrange(1, size), draw.randrange(1, size))) for _ in range(_ASKED)]
        paths = [f"/log/consistency?old={old}&new={new}" for old, new in sizes]
        report.at_most(
            f"by HTTP: that {size:,} leaves begin with others", _asked(server, paths), 5, "ms, p95"
        )
        location = server.open_upload(note.stat().st_size, note.name)
        subprocess.run(server.patch(location, note), check=True, capture_output=True)
        while (item := server.json(location).get("item")) is None:
            time.sleep(0.1)
        while server.json(f"/items/{item}/proofs")["waiting"] > 1:
            time.sleep(0.1)
        # Each of them is an event of the item, and so one proof more in the next answer.
        slowest = _asked(server, [f"/items/{item}/proofs"] * _OF_ITEM)
        events = len(server.json(f"/items/{item}/proofs")["events"])
        report.at_most(f"by HTTP: an item's events, {events} in the end", slowest, 50, "ms, p95")


def measure(work: Path, report: Report, *, leaves: int, kept: Path | None = None) -> None:
    """One run from an empty log, or only what is asked of the one that is `kept`."""
    settings = log.settings_in(kept or work / "tall")
    is_there = settings.catalogue_file.exists()
    if not is_there:
        asyncio.run(_grown(settings, leaves, report))
    size = asyncio.run(_proven(settings, report))
    if not is_there:
        log.verify(settings, open_signer(settings.keys), size, report)
    _served(settings, size, work, report)
