"""Ingest against a plain tus server that hashes and syncs afterwards, and against dd."""

from __future__ import annotations

import hashlib
import os
import subprocess
import time
from pathlib import Path
from statistics import median

from tests.benchmarks.results import Report
from tests.benchmarks.serving import Server, custos, patch_arguments, timed, tus_peer

ROUNDS = 3
ONE = 512 << 20
EIGHT = 96 << 20
MANY = 64
SMALL = 8 << 20


def random_file(path: Path, size: int) -> Path:
    with path.open("wb") as file:
        for _ in range(size >> 20):
            file.write(os.urandom(1 << 20))
    return path


def quiet(server: Server | None = None) -> None:
    """Nothing is left to be written, and no work of an earlier round is going on."""
    while server is not None and any(
        server.json(f"/jobs?state={state}")["jobs"] for state in ("queued", "running")
    ):
        time.sleep(0.2)
    os.sync()


def into_custos(server: Server, file: Path, streams: int) -> float:
    locations = [server.open_upload(file.stat().st_size, f"{n}.bin") for n in range(streams)]
    return timed(*(server.patch(location, file) for location in locations))


def into_peer(url: str, directory: Path, file: Path, streams: int) -> float:
    locations = []
    for _ in range(streams):
        answer = subprocess.run(
            [
                "curl",
                "-si",
                "-X",
                "POST",
                url,
                "-H",
                "Tus-Resumable: 1.0.0",
                "-H",
                f"Upload-Length: {file.stat().st_size}",
            ],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        locations.append(
            next(line.split()[1] for line in answer.splitlines() if line.lower().startswith("location:"))
        )
    seconds = timed(*(["curl", "--silent", *patch_arguments(location, file)] for location in locations))
    started = time.perf_counter()
    for location in locations:
        with (directory / location.rpartition("/")[2]).open("rb") as stored:
            hashlib.file_digest(stored, "sha256")
            os.fsync(stored.fileno())
    return seconds + time.perf_counter() - started


def dd(work: Path, file: Path, streams: int) -> float:
    targets = [work / f"dd-{n}" for n in range(streams)]
    seconds = timed(
        *(
            ["dd", f"if={file}", f"of={target}", "bs=1M", "conv=fdatasync", "status=none"]
            for target in targets
        )
    )
    for target in targets:
        target.unlink()
    return seconds


def measure(work: Path, report: Report) -> None:
    """Alternating rounds, medians; then memory with many uploads at once."""
    with custos(work / "data") as server, tus_peer(work / "peer") as peer:
        for streams, size in ((1, ONE), (8, EIGHT)):
            file = random_file(work / f"{streams}.bin", size)
            ours, theirs, raw = [], [], []
            for _ in range(ROUNDS):
                quiet(server)
                ours.append(into_custos(server, file, streams))
                quiet(server)
                theirs.append(into_peer(peer, work / "peer", file, streams))
                quiet()
                raw.append(dd(work, file, streams))
            rate = streams * size / median(ours) / 1e6
            said = f"{rate:.0f} MB/s; medians of {ROUNDS}"
            name = f"ingest, {streams} stream{'s' * (streams > 1)}"
            report.at_least(
                f"{name}, against @tus/server + SHA-256 + fsync", median(theirs) / median(ours), 1.5, said
            )
            report.at_least(f"{name}, against dd conv=fdatasync", median(raw) / median(ours), 0.85, said)
            file.unlink()
        small = random_file(work / "small.bin", SMALL)
        into_custos(server, small, MANY)
        report.at_most(f"API memory at its peak, {MANY} uploads at once", server.peak_mib("api"), 200, "MiB")
