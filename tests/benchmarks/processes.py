"""Two server processes against one: requests that read and are put on record."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from statistics import median

from tests.benchmarks.ingest import random_file
from tests.benchmarks.results import Report
from tests.benchmarks.serving import custos, timed
from tests.benchmarks.serving_out import wait_for_item

TURNS = 3
ROUNDS = 3
CLIENTS = 16
REQUESTS = 100
RANGE = 64 << 10
SIZE = 64 << 20


async def clients(port: int, item: str, token: str) -> float:
    """Seconds that CLIENTS connections need for REQUESTS answers each: an item's page and a range in turn."""

    async def one(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        for request in range(REQUESTS):
            start = (number * REQUESTS + request) * RANGE % (SIZE - RANGE)
            path, more = (
                (f"/items/{item}", "")
                if request % 2
                else (f"/items/{item}/original", f"Range: bytes={start}-{start + RANGE - 1}\r\n")
            )
            head = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n{more}\r\n"
            writer.write(head.encode())
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.split(b"\r\n")[0].split()[1] in (b"200", b"206"), answer
            lengths = [line for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            await reader.readexactly(int(lengths[0].partition(b":")[2]))
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(one(number) for number in range(CLIENTS)))
    return time.perf_counter() - started


def measure(work: Path, report: Report) -> None:
    """Each in turns over the same data: what else the machine does hits both."""
    file = random_file(work / "original.bin", SIZE)
    with custos(work / "data") as server:
        location = server.open_upload(SIZE, "original.bin")
        timed(server.patch(location, file))
        item = str(wait_for_item(server, location, playable=False)["id"])
        token = server.token
    seconds: dict[str, list[float]] = {"1": [], "2": []}
    for _ in range(TURNS):
        for processes, taken in seconds.items():
            with custos(work / "data", token=token, CUSTOS_API__PROCESSES=processes) as server:
                port = int(server.url.rpartition(":")[2])
                taken += [asyncio.run(clients(port, item, token)) for _ in range(ROUNDS)]
    one, two = median(seconds["1"]), median(seconds["2"])
    rates = [f"{CLIENTS * REQUESTS / each:.0f}" for each in (two, one)]
    said = f"{rates[0]} requests/s, one {rates[1]}; {CLIENTS} clients, medians of {TURNS * ROUNDS}"
    report.at_least("two server processes against one, items and ranges on record", one / two, 1.0, said)
