"""Makes one long recording as a body-worn camera would leave it on its card: several segments, one clock.

H.264 and AAC at a constant bit rate, a clock burnt into the picture, speech in English and Chinese. What
was made once is kept, under a name that follows from everything that went into it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from clients.demo.concurrently import all_of
from clients.demo.errors import DemoError
from clients.demo.programs import run

#: When the recording is said to begin.
STARTS = datetime(2026, 3, 2, 9, 30, tzinfo=timezone(timedelta(hours=8)))
_RECIPE = 1


@dataclass(frozen=True, slots=True)
class Size:
    """How much is made."""

    segments: int
    seconds: int
    width: int
    height: int
    rate: int
    kilobits: int

    def words(self) -> str:
        """For people."""
        minutes, seconds = divmod(self.segments * self.seconds, 60)
        return (
            f"{minutes} min {seconds:02} s of {self.width}x{self.height} at {self.rate} pictures a second, "
            f"in {self.segments} segments"
        )


SIZES = {
    "small": Size(3, 80, 1280, 720, 25, 2600),
    "full": Size(12, 300, 1920, 1080, 30, 2600),
}


def _key(size: Size) -> str:
    recipe = json.dumps({"recipe": _RECIPE, "starts": STARTS.isoformat(), **asdict(size)}, sort_keys=True)
    return hashlib.sha256(recipe.encode()).hexdigest()[:16]


async def make(size: Size, cache: Path, noted: Callable[[str], None]) -> list[Path]:
    """The segments, made where the cache lacks them; `noted` hears of each that is made.

    Cancelling it leaves no program running and no half a file under a finished one's name.
    """
    folder = cache / _key(size)
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    paths = [folder / f"segment-{number:02}.mp4" for number in range(1, size.segments + 1)]
    cached = set(folder.glob("*.mp4"))
    at_once = asyncio.Semaphore(os.cpu_count() or 1)

    async def one(number: int, path: Path) -> None:
        async with at_once:
            await _segment(size, number, path)
        noted(f"made segment {number} of {size.segments}")

    await all_of(one(number, path) for number, path in enumerate(paths, 1) if path not in cached)
    return paths


async def _segment(size: Size, number: int, path: Path) -> None:
    english, chinese = path.with_suffix(".en.wav"), path.with_suffix(".zh.wav")
    part = path.with_suffix(".part")
    try:
        await _speak("en-gb", f"Segment {number} of {size.segments}. Officer Li Ming, unit one.", english)
        await _speak("cmn", f"现场执法记录,第{number}段,共{size.segments}段。", chinese)
        await _program(_arguments(size, number, english, chinese, part))
        part.replace(path)
    finally:
        for leftover in (english, chinese, part):
            leftover.unlink(missing_ok=True)


async def _speak(voice: str, words: str, path: Path) -> None:
    await _program(["espeak-ng", "-v", voice, "-w", str(path), words])


async def _program(argv: list[str]) -> None:
    ran = await run(argv)
    if ran.status != 0:
        raise DemoError(f"{argv[0]} could not make the recording: {ran.errors.strip()[-500:]}")


def _arguments(size: Size, number: int, english: Path, chinese: Path, part: Path) -> list[str]:
    starts = STARTS + timedelta(seconds=size.seconds * (number - 1))
    zone = STARTS.utcoffset()
    assert zone is not None
    shown = int((starts + zone).timestamp())
    clock = (
        f"drawtext=font=monospace:fontsize={size.height // 22}:fontcolor=white:box=1:boxcolor=black@0.6"
        f":x=24:y=24:text='%{{pts\\:gmtime\\:{shown}\\:%Y-%m-%d %H\\\\\\:%M\\\\\\:%S}} +08\\:00"
        f"  DSJ-A7-000317  {number}/{size.segments}'"
    )
    # A still picture with a small moving one in it: quick to encode, and the rate is held with filler.
    small = f"{size.width // 4}x{size.height // 4}"
    graph = (
        f"[0]format=yuv420p[back];[1]format=yuv420p[moving];"
        f"[back][moving]overlay=main_w*0.4:main_h*0.4,{clock}[picture];"
        f"[2][3]concat=n=2:v=0:a=1,aresample=48000,apad=pad_dur=3,aloop=loop=-1:size=2147483647[sound]"
    )
    return [
        "ffmpeg", "-y", "-v", "error", "-nostdin",
        "-f", "lavfi", "-i", f"smptehdbars=size={size.width}x{size.height}:rate={size.rate}",
        "-f", "lavfi", "-i", f"testsrc2=size={small}:rate={size.rate}",
        "-i", str(english), "-i", str(chinese),
        "-filter_complex", graph, "-map", "[picture]", "-map", "[sound]", "-t", str(size.seconds),
        "-c:v", "libx264", "-preset", "ultrafast", "-g", str(size.rate * 2),
        "-b:v", f"{size.kilobits}k", "-minrate", f"{size.kilobits}k", "-maxrate", f"{size.kilobits}k",
        "-bufsize", f"{size.kilobits}k", "-x264-params", "nal-hrd=cbr:force-cfr=1",
        "-c:a", "aac", "-b:a", "64k", "-ac", "1",
        "-metadata", f"creation_time={starts.isoformat()}",
        "-f", "mp4", str(part),
    ]  # fmt: skip
