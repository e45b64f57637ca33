"""One run of ffmpeg on one original, and what is on record of it afterwards.

Invariants: each run writes into an empty directory of its own; provenance names the arguments as the tool
saw them inside the sandbox.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from evidence.canonical import Json
from evidence.ports.media import Progress
from transcode.bench import Bench, Bounds, Program
from transcode.describing import OutTime
from transcode.outputs import fresh
from transcode.process import Finished
from transcode.profiles import PROXY
from transcode.routes import Decision
from transcode.sandbox import INSIDE, Places

Argv: TypeAlias = Callable[[str, Places], Sequence[str]]

MEMORY = 4 << 30
#: Room for what is small: pictures, listings.
SLACK = 64 << 20
#: Seconds of a slow machine for a second of 4K.
ENCODING_TIME = 20
ENCODED_BYTES_PER_S = 4 << 20
#: Where nothing could be measured.
_ASSUMED_LENGTH_MS = 600_000
_VERSION_CAP = 1 << 16


class Runs:
    """Runs of one ffmpeg on one bench."""

    def __init__(self, bench: Bench, ffmpeg: Program) -> None:
        self.bench = bench
        self.ffmpeg = ffmpeg
        self._version: str | None = None

    async def run(
        self,
        argv: Argv,
        bounds: Bounds,
        original: Path,
        workdir: Path,
        told: OutTime | None = None,
        *,
        devices: Sequence[str] = (),
        out: Path | None = None,
    ) -> tuple[Path, Finished]:
        """Run and say where the output lies: in `out`, else in a new directory below `workdir`."""
        where = await asyncio.to_thread(fresh, workdir) if out is None else out
        finished = await self.bench.run(
            self.ffmpeg,
            argv,
            bounds,
            original=original,
            out=where,
            on_line=None if told is None else told.line,
            devices=devices,
        )
        return where, finished

    def bounds(self, size: int, length_ms: int | None, *, pictures: int = 0, sound: bool = False) -> Bounds:
        """What one run may take that encodes so many pictures, and sound or none."""
        wall_s, file_size = self.bench.wall_s(size, length_ms), 2 * size + SLACK
        seconds = (_ASSUMED_LENGTH_MS if length_ms is None else length_ms) / 1000
        wall_s += seconds * ENCODING_TIME * pictures
        if pictures or sound:
            file_size += int(seconds * ENCODED_BYTES_PER_S)
        return Bounds(wall_s, MEMORY, 0, file_size=file_size)

    async def provenance(self, argv: Argv, finished: Finished, decision: Decision) -> dict[str, Json]:
        """How it was made, of which streams, and how many errors were said on the way."""
        if self._version is None:
            self._version = await ffmpeg_version(self.bench, self.ffmpeg)
        return {
            "tool": "ffmpeg",
            "version": self._version,
            "arguments": list(argv("ffmpeg", INSIDE)[1:]),
            "selected": list(decision.selected),
            "not_shown": list(decision.not_shown),
            "profile": PROXY.name if decision.encodes_video or decision.encodes_audio else None,
            "errors": finished.stderr_lines,
            "sandboxed": self.bench.sandbox.in_force,
        }


async def ffmpeg_version(bench: Bench, ffmpeg: Program) -> str:
    """What ffmpeg calls itself, "unknown" if it does not say."""
    finished = await bench.run(
        ffmpeg,
        lambda program, _: [program, "-version"],
        Bounds(bench.wall_s(0), MEMORY, _VERSION_CAP),
    )
    words = finished.stdout.decode("utf-8", "replace").split(maxsplit=3)
    return words[2] if words[:2] == ["ffmpeg", "version"] and len(words) > 2 else "unknown"


def encoded_of(decision: Decision, flaws: int) -> Mapping[str, Json]:
    """What was encoded rather than copied, and how many errors the original had when it was described."""
    return {
        "encoded": {"video": decision.encodes_video, "audio": decision.encodes_audio},
        "flaws_in_source": flaws,
    }


def told_until(progress: Progress, length_ms: int | None, begins_ms: int = 0) -> OutTime:
    """Progress from ffmpeg's own clock, which begins at `begins_ms`; none where the length is not known."""

    def on_time(at_ms: int) -> None:
        if length_ms:
            progress(max(0, min(999, (at_ms - begins_ms) * 1000 // length_ms)))

    return OutTime(on_time)
