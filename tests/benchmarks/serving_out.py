"""Downloads with their events, against nginx and against a handler that does nothing else."""

from __future__ import annotations

import asyncio
import time
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

from tests.benchmarks.ingest import random_file
from tests.benchmarks.results import Report
from tests.benchmarks.serving import Server, custos, nginx, timed
from tests.media import make_clip

ROUNDS = 5
ORIGINAL = 512 << 20
SEGMENT = 4 << 20
CLIENTS = 32
REQUESTS = 12


def wait_for_item(server: Server, location: str, *, playable: bool) -> dict[str, object]:
    while True:
        for item in server.json("/items")["items"]:
            done = all(job["state"] in ("done", "failed") for job in item["jobs"]) and len(item["jobs"]) > 1
            if item["upload"] in location and done and (item["playable"] or not playable):
                return dict(item)
        time.sleep(0.1)


def originals(work: Path, report: Report, server: Server) -> None:
    file = random_file(work / "original.bin", ORIGINAL)
    location = server.open_upload(ORIGINAL, "original.bin")
    timed(server.patch(location, file))
    item = wait_for_item(server, location, playable=False)
    with nginx(work, work / "nginx") as url:
        ours, theirs = [], []
        for _ in range(ROUNDS):
            ours.append(timed(server.curl("-o", "/dev/null", f"{server.url}/items/{item['id']}/original")))
            theirs.append(timed(["curl", "--silent", "-o", "/dev/null", f"{url}/original.bin"]))
    said = f"{ORIGINAL / median(ours) / 1e6:.0f} MB/s; {ORIGINAL >> 20} MiB, medians of {ROUNDS}"
    report.at_least(
        "original download with its event, against nginx", median(theirs) / median(ours), 1.0, said
    )


def minimal(path: str, port: Connection) -> None:
    """Serves ranges of one file, and does nothing else at all."""
    from aiohttp import web

    async def handler(request: web.Request) -> web.StreamResponse:
        first, last = map(int, request.headers["Range"].removeprefix("bytes=").split("-"))
        response = web.StreamResponse(status=206)
        response.content_length = last + 1 - first
        await response.prepare(request)
        assert request.transport is not None
        with Path(path).open("rb") as file:
            await asyncio.get_running_loop().sendfile(request.transport, file, first, last + 1 - first)
        await response.write_eof()
        return response

    async def main() -> None:
        app = web.Application()
        app.router.add_get("/{rest:.*}", handler)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port.send(runner.addresses[0][1])
        await asyncio.Event().wait()

    asyncio.run(main())


async def clients(port: int, path: str, token: str, size: int) -> float:
    """Seconds that CLIENTS connections need for REQUESTS segments each."""

    async def one(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        for request in range(REQUESTS):
            start = (number * REQUESTS + request) * SEGMENT % (size - SEGMENT)
            head = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
            writer.write(f"{head}Range: bytes={start}-{start + SEGMENT - 1}\r\n\r\n".encode())
            status = await reader.readuntil(b"\r\n\r\n")
            assert b" 206 " in status.split(b"\r\n")[0], status
            left = SEGMENT
            while left:
                left -= len(await reader.read(min(left, 1 << 20)))
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(one(number) for number in range(CLIENTS)))
    return time.perf_counter() - started


def segments(work: Path, report: Report, server: Server) -> None:
    clip = make_clip(work / "segments.mp4", seconds=40, size="1920x1080", bitrate="16M")
    location = server.open_upload(clip.stat().st_size, "segments.mp4")
    timed(server.patch(location, clip))
    item = wait_for_item(server, location, playable=True)
    stored = next((server.data / "store/objects/renditions" / str(item["id"])).rglob("playable.mp4"))
    size = stored.stat().st_size
    server.json(f"/items/{item['id']}")
    context = get_context("spawn")
    ours_end, theirs_end = context.Pipe()
    peer = context.Process(target=minimal, args=(str(stored), theirs_end), daemon=True)
    peer.start()
    peer_port = ours_end.recv()
    port = int(server.url.rpartition(":")[2])
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(asyncio.run(clients(port, f"/items/{item['id']}/playable.mp4", server.token, size)))
        theirs.append(asyncio.run(clients(peer_port, "/x", "x", size)))
    peer.terminate()
    peer.join()
    rate = CLIENTS * REQUESTS * SEGMENT / median(ours) / 1e6
    said = f"{rate:.0f} MB/s; {CLIENTS} clients, medians of {ROUNDS}"
    report.at_most("4 MiB segments, time against a minimal handler", median(ours) / median(theirs), 1.3, said)


def measure(work: Path, report: Report) -> None:
    """Both, on one server."""
    with custos(work / "data") as server:
        originals(work, report, server)
        segments(work, report, server)
