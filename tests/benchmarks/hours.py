"""Four hours that have to be encoded: how soon their first minutes play, and when all of them do.

Not among the suites that run by default: it takes as long as encoding four hours does.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

from clients.demo import tus
from clients.demo.caller import Caller, caller
from clients.demo.recordings import digest_of
from clients.demo.server import Custos, account, free_port
from tests.benchmarks.results import Report

_CLIP_SECONDS, _LOOPS = 80, 180
_UNIT = "north"


def _source(work: Path) -> Path:
    """MS-MPEG4 in AVI as older recorders write it, a clip of 80 s after itself, 180 times."""
    clip, whole = work / "clip.avi", work / "four-hours.avi"
    made = ["-f", "lavfi", "-i", f"testsrc2=size=768x576:rate=10:duration={_CLIP_SECONDS}", "-c:v", "msmpeg4"]
    looped = ["-stream_loop", str(_LOOPS - 1), "-i", str(clip), "-c", "copy"]
    for arguments, path in ((made, clip), (looped, whole)):
        subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *arguments, str(path)], check=True)
    return whole


async def _registered(station: Caller, location: str) -> str:
    while (item := (await station.get(location))["item"]) is None:
        await asyncio.sleep(0.2)
    return str(item)


async def _watched(custos: Custos, source: Path, report: Report) -> None:
    dock, person = (
        account(name, name, role, _UNIT) for name, role in (("dock", "station"), ("li", "reviewer"))
    )
    for one in (dock, person):
        await custos.register(one)
    said = {"filename": source.name, "device": "CAM", "sha256": await asyncio.to_thread(digest_of, source)}
    async with (
        caller(custos.url, await custos.token(dock)) as station,
        caller(custos.url, await custos.token(person)) as reviewer,
    ):
        location = await tus.create(station, source.stat().st_size, said)
        await tus.send(station, location, source)
        begun, first = time.monotonic(), None
        item = await _registered(station, location)
        while True:
            found = await reviewer.get(f"/items/{item}")
            if first is None and (found["playable"] or found["playable_until_ms"]):
                first = time.monotonic() - begun
                report.at_most("four hours to encode, last byte → the first minutes play", first, 60, "s")
            if found["playable"]:
                break
            assert not any(job["state"] == "failed" for job in found["jobs"]), found["jobs"]
            await asyncio.sleep(1)
        seconds = time.monotonic() - begun
        length = found["duration_ms"] / 1000
        report.at_most(
            "the same, all of it plays, against its length", seconds / length, 1, f"{seconds:.0f} s"
        )


def measure(work: Path, report: Report) -> None:
    """Two lines."""

    async def run() -> None:
        source = await asyncio.to_thread(_source, work)
        custos = Custos((sys.executable, "-m", "custos"), (), work / "data", free_port(None))
        custos.prepare()
        async with custos.serving():
            await _watched(custos, source, report)

    asyncio.run(run())
