"""From the last byte to playable, against ffmpeg's plain remux of the same file."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median

from tests.benchmarks.results import Report
from tests.benchmarks.serving import custos, timed
from tests.media import make_clip

ROUNDS = 3
SECONDS = 60


def remux(clip: Path, work: Path) -> float:
    flags = "+frag_keyframe+empty_moov+default_base_moof"
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", "-i", str(clip), "-c", "copy", "-movflags", flags]
    return timed([*command, str(work / "plain.mp4")])


def measure(work: Path, report: Report) -> None:
    """Medians; the file is new to Custos each time, since it names no device."""
    clip = make_clip(work / "clip.mp4", seconds=SECONDS, size="1920x1080", bitrate="8M")
    ours, plain = [], []
    with custos(work / "data") as server:
        for number in range(ROUNDS):
            location = server.open_upload(clip.stat().st_size, f"{number}.mp4")
            timed(server.patch(location, clip))
            started = time.perf_counter()
            while True:
                newest = server.json("/items")["items"][:1]
                if newest and newest[0]["upload"] in location and newest[0]["playable"]:
                    break
                time.sleep(0.02)
            ours.append(time.perf_counter() - started)
            plain.append(remux(clip, work))
    allowed = 1.3 * median(plain) + 1
    size = f"{clip.stat().st_size / 1e6:.0f} MB of H.264"
    said = f"s for {size}; plain remux {median(plain):.2f} s; medians of {ROUNDS}"
    report.at_most(
        "last byte → playable, limit 1.3 × plain remux + 1 s", median(ours), round(allowed, 2), said
    )
