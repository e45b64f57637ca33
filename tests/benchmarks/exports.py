"""An export fetched, against serving the same originals over the same HTTP; first byte, and memory."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from statistics import median

from tests.benchmarks.ingest import random_file
from tests.benchmarks.results import Report
from tests.benchmarks.serving import Server, custos, timed
from tests.benchmarks.serving_out import wait_for_item

ROUNDS = 5
ORIGINALS = 4
SIZE = 512 << 20
SMALL = 200


def post(server: Server, path: str, body: object) -> dict[str, object]:
    command = server.curl("-X", "POST", "-H", "Content-Type: application/json", "-d", json.dumps(body))
    answer = subprocess.run([*command, server.url + path], check=True, capture_output=True).stdout
    found: dict[str, object] = json.loads(answer)
    return found


def exported(server: Server, items: list[str], number: str) -> tuple[dict[str, object], float]:
    """An export of a case of these items, and the seconds until it was made."""
    case = post(server, "/cases", {"number": number})["id"]
    for first in range(0, len(items), 200):
        post(server, f"/cases/{case}/links", {"items": items[first : first + 200]})
    started = time.perf_counter()
    export = post(
        server, f"/cases/{case}/exports", {"profile": "internal", "reason": "bench", "renditions": []}
    )
    while True:
        found = server.json(f"/exports/{export['id']}")
        if found["made"]:
            return dict(found["made"]), time.perf_counter() - started
        if found["job"]["state"] == "failed":
            raise RuntimeError(found["job"]["message"])
        time.sleep(0.05)


def sent(server: Server, path: Path, name: str) -> str:
    location = server.open_upload(path.stat().st_size, name)
    timed(server.patch(location, path))
    return str(wait_for_item(server, location, playable=False)["id"])


def large(work: Path, report: Report, server: Server) -> None:
    items = []
    for number in range(ORIGINALS):
        items.append(sent(server, random_file(work / f"original-{number}.bin", SIZE), f"{number}.bin"))
    made, seconds = exported(server, items, "large")
    print(f"     made {seconds:.1f} s after it was asked for", flush=True)
    url = f"{server.url}{made['path']}"
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(timed(server.curl("-o", "/dev/null", url)))
        theirs.append(
            sum(
                timed(server.curl("-o", "/dev/null", f"{server.url}/items/{item}/original")) for item in items
            )
        )
    rate = int(str(made["size"])) / median(ours) / 1e6
    said = f"{rate:.0f} MB/s; {ORIGINALS} × {SIZE >> 20} MiB, medians of {ROUNDS}"
    report.at_least("export, against serving the same originals", median(theirs) / median(ours), 0.8, said)
    seen = []
    for _ in range(ROUNDS):
        command = server.curl(
            "-o", "/dev/null", "-w", "%{time_starttransfer}", "-r", "1000000000-1000000999", url
        )
        seen.append(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    report.at_most("first byte of an export, from its middle", max(seen), 1.0, "s, the slowest")
    report.at_most("API memory at its peak, exports and all", server.peak_mib("api"), 200, "MiB")


def many(work: Path, report: Report, server: Server) -> None:
    items = []
    small = work / "small.bin"
    for number in range(SMALL):
        small.write_bytes(os.urandom(4096))
        items.append(sent(server, small, f"s{number}"))
    made, seconds = exported(server, items, "many")
    taken = timed(server.curl("-o", "/dev/null", f"{server.url}{made['path']}"))
    print(
        f"     {SMALL} small items: made {seconds:.1f} s after it was asked for, {made['files']} files",
        flush=True,
    )
    report.at_most(f"an export of {SMALL} small items, fetched", taken, 5.0, "s")


def measure(work: Path, report: Report) -> None:
    """A few large originals, and many small ones."""
    with custos(work / "data") as server:
        large(work, report, server)
        many(work, report, server)
