"""The files of a county's day: each plays for as long as planned, and no two are equal.

Pictures and sound are encoded a few times only; a `free` box at the end (ISO/IEC 14496-12 §8.1.2), which
players skip, makes each file's bytes its own.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from clients.demo.concurrently import all_of
from clients.demo.county import SEGMENT, Segment
from clients.demo.errors import DemoError
from clients.demo.programs import run

_SECONDS = str(int(SEGMENT.total_seconds()))
#: Moving pictures that differ, one for each kind of camera.
_SOURCES = ("testsrc2", "mandelbrot", "testsrc", "smptehdbars")


@dataclass(frozen=True, slots=True)
class Docked:
    """A segment with its file."""

    segment: Segment
    path: Path

    @property
    def name(self) -> str:
        """The file's own name."""
        return self.segment.name

    def metadata(self, sha256: str) -> dict[str, str]:
        """What its station says of it."""
        return self.segment.metadata(sha256)


async def make(segments: Sequence[Segment], folder: Path) -> list[Docked]:
    """The files below `folder`, made where they are not there yet."""
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    models = [folder / f"model-{number}.mp4" for number in range(len(_SOURCES))]
    voice = folder / "model-voice.m4a"
    pictures = {one.key: folder / f"{one.key}.jpg" for one in segments if one.kind == "photo"}
    await all_of(
        [
            *(_film(path, source) for path, source in zip(models, _SOURCES, strict=True)),
            _voice(voice),
            *(_picture(path, number) for number, path in enumerate(pictures.values())),
        ]
    )
    made = []
    for number, one in enumerate(segments):
        path = pictures.get(one.key)
        if path is None:
            model = voice if one.kind == "audio" else models[number % len(models)]
            path = folder / f"{one.key}{model.suffix}"
            await asyncio.to_thread(_marked, model, path, one.key)
        made.append(Docked(one, path))
    return made


def _marked(model: Path, path: Path, key: str) -> None:
    mark = key.encode()
    path.write_bytes(model.read_bytes() + struct.pack(">I4s", 8 + len(mark), b"free") + mark)


async def _film(path: Path, source: str) -> None:
    joined = ":" if "=" in source else "="
    await _made(
        path,
        "-f", "lavfi", "-i", f"{source}{joined}size=640x360:rate=25",
        "-f", "lavfi", "-i", "sine=frequency=330",
        "-t", _SECONDS, "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-g", "25",
        "-c:a", "aac", "-b:a", "64k", "-f", "mp4",
    )  # fmt: skip


async def _voice(path: Path) -> None:
    await _made(
        path, "-f", "lavfi", "-i", "sine=frequency=220", "-t", _SECONDS, "-c:a", "aac", "-f", "ipod"
    )  # fmt: skip


async def _picture(path: Path, number: int) -> None:
    await _made(
        path, "-f", "lavfi", "-i", "testsrc2=size=1280x960", "-ss", str(number + 1), "-frames:v", "1",
        "-f", "mjpeg",
    )  # fmt: skip


async def _made(path: Path, *arguments: str) -> None:
    if await asyncio.to_thread(path.exists):
        return
    part = path.with_name(f"{path.name}.part")
    try:
        ran = await run(["ffmpeg", "-y", "-v", "error", "-nostdin", *arguments, str(part)])
        if ran.status != 0:
            raise DemoError(f"ffmpeg could not make {path.name}: {ran.errors.strip()[-500:]}")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
