"""`MediaTools` with ffmpeg, ffprobe and exiftool, each shut in for every single run.

Invariants: a tool's exit code is never taken for the truth (what it wrote is parsed before it is handed
on); a fault of the file ends in a Description or a final StageFailed, a fault of the machine in a
StageFailed that may be retried; nothing waits longer than a deadline that grows with the file's size.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from evidence.canonical import Json
from evidence.copies import FingerprintKind, Mark
from evidence.errors import StageFailed
from evidence.ports.media import ClipSource, Description, Made, PlannedPart, Progress
from transcode.bench import Bench, Program
from transcode.clips import Clipper
from transcode.describing import Describer
from transcode.encoders import EncoderChoice, Wanted
from transcode.fingerprints import CLOSELY_UP_TO_MS, Fingerprinter
from transcode.making import Maker, decided
from transcode.pictures import Pictures
from transcode.probe import Inside, look_inside
from transcode.proving import Prover
from transcode.recovering import Recoverer
from transcode.runs import Runs
from transcode.sandbox import Policy
from transcode.spreading import Spread, Spreader
from transcode.stills import StillTaker


class SandboxedTools:
    """See `evidence.ports.media.MediaTools`. Making one runs the sandbox once, to see that it works.

    `policy` "require" refuses to start a tool without the sandbox, "prefer" goes on with limits only.
    `wall_floor_s` is the least time that any run is given; size and length add to it. `spread` says which
    recordings are made in parts.
    """

    def __init__(
        self,
        policy: Policy,
        *,
        ffmpeg: str = "ffmpeg",
        ffprobe: str = "ffprobe",
        exiftool: str = "exiftool",
        bwrap: str = "bwrap",
        wall_floor_s: float = 30.0,
        closely_up_to_ms: int = CLOSELY_UP_TO_MS,
        encoder: Wanted = "auto",
        spread: Spread | None = None,
    ) -> None:
        self._bench = Bench(policy, bwrap, wall_floor_s)
        ffmpeg_program = Program.found(ffmpeg)
        ffprobe_program = Program.found(ffprobe)
        runs = Runs(self._bench, ffmpeg_program)
        choice = EncoderChoice(self._bench, ffmpeg_program, encoder)
        self._describer = Describer(self._bench, ffprobe_program, ffmpeg_program, Program.found(exiftool))
        self._maker = Maker(runs, choice)
        self._spreader = Spreader(runs, ffprobe_program, choice, spread or Spread())
        self._prover = Prover(self._bench, ffmpeg_program)
        self._recoverer = Recoverer(self._bench, ffmpeg_program)
        self._stills = StillTaker(self._bench, ffmpeg_program, self._prover)
        self._clipper = Clipper(self._bench, ffmpeg_program, self._prover)
        self._pictures = Pictures(self._bench)
        self._fingerprinter = Fingerprinter(self._bench, ffmpeg_program, closely_up_to_ms)

    def protection(self) -> tuple[bool, str]:
        """Whether a sandbox is in force, and what it does or why there is none, in words."""
        return self._bench.sandbox.protection()

    async def describe(self, original: Path, media_type: str, filename: str) -> Description:
        """Probe, read every tag and the name; what the bytes are decides, not `media_type` and not the name.

        A tool that fails or hangs on the file becomes an "error"; StageFailed means that the machine is at
        fault (no sandbox, a tool missing, the original not readable) and is never final.
        """
        del media_type
        path, inside = await _looked_into(original)
        return await self._describer.describe(path, inside, filename)

    async def make_playable(
        self, original: Path, description: Mapping[str, Json], workdir: Path, progress: Progress
    ) -> Sequence[Made]:
        """Fragmented MP4 in a new directory below `workdir`; see the port.

        Raises StageFailed, final, with code "unplayable" or "nothing-to-play" where there is nothing to play.
        """
        path, inside = await _looked_into(original)
        return await self._maker.playable(path, inside, description, workdir, progress)

    async def make_track(
        self,
        original: Path,
        description: Mapping[str, Json],
        track: int,
        workdir: Path,
        progress: Progress,
    ) -> Made:
        """One further track in a new directory below `workdir`; see the port."""
        path, inside = await _looked_into(original)
        return await self._maker.track(path, inside, description, track, workdir, progress)

    async def plan_parts(self, original: Path, description: Mapping[str, Json]) -> Sequence[PlannedPart]:
        """How a long recording is cut; see the port."""
        path, inside = await _looked_into(original)
        return await self._spreader.plan(path, inside, description)

    async def make_part(
        self,
        original: Path,
        description: Mapping[str, Json],
        number: int,
        how: Mapping[str, Json],
        workdir: Path,
        progress: Progress,
    ) -> Made:
        """One part in a new directory below `workdir`; see the port."""
        path, inside = await _looked_into(original)
        return await self._spreader.part(path, inside, description, number, how, workdir, progress)

    async def join_parts(
        self,
        original: Path,
        parts: Sequence[Path],
        description: Mapping[str, Json],
        workdir: Path,
        progress: Progress,
    ) -> Made:
        """All parts in one, in a new directory below `workdir`; see the port."""
        path, inside = await _looked_into(original)
        return await self._spreader.join(path, inside, parts, description, workdir, progress)

    async def prove(
        self,
        original: Path,
        shown: Path,
        description: Mapping[str, Json],
        workdir: Path,
        progress: Progress,
    ) -> Made:
        """The presentation in a new directory below `workdir`; see the port."""
        path, inside = await _looked_into(original)
        decision = decided(description, inside.container)
        return await self._prover.prove(path, inside, shown, description, decision, workdir, progress)

    async def make_still(
        self,
        original: Path,
        description: Mapping[str, Json],
        presentation: Mapping[str, Json],
        shown_us: int,
        workdir: Path,
    ) -> Made:
        """One frame of the original in a new directory below `workdir`; see the port."""
        path, inside = await _looked_into(original)
        decision = decided(description, inside.container)
        return await self._stills.take(path, inside, decision, presentation, shown_us, workdir)

    async def make_clip(self, sources: Sequence[ClipSource], workdir: Path, progress: Progress) -> Made:
        """One clip in a new directory below `workdir`; see the port."""
        found = [replace(one, original=await asyncio.to_thread(one.original.resolve)) for one in sources]
        return await self._clipper.make(found, workdir, progress)

    async def recover(self, original: Path, sibling: Path, workdir: Path, progress: Progress) -> Made:
        """What can be shown of a recording without its index, in a new directory; see the port."""
        paths = await asyncio.to_thread(lambda: (original.resolve(), sibling.resolve()))
        return await self._recoverer.recover(*paths, workdir, progress)

    async def take_fingerprints(
        self, original: Path, description: Mapping[str, Json], workdir: Path
    ) -> Mapping[FingerprintKind, Sequence[Mark]]:
        """The marks of each kind that the recording has streams for; see `Fingerprinter.take`."""
        path, inside = await _looked_into(original)
        return await self._fingerprinter.take(path, inside, description, workdir)

    async def make_previews(
        self, original: Path, description: Mapping[str, Json], workdir: Path, progress: Progress
    ) -> Sequence[Made]:
        """Poster, sprite sheet and analysis in a new directory below `workdir`; see the port.

        Raises StageFailed, final, with code "no-picture" where there is nothing to see or hear, or none of
        it can be decoded.
        """
        path, inside = await _looked_into(original)
        if inside.container is not None and inside.container.kind in ("picture", "document"):
            return await self._pictures.previews(path, inside, workdir, progress)
        return await self._maker.previews(path, inside, description, workdir, progress)


async def _looked_into(original: Path) -> tuple[Path, Inside]:
    def look() -> tuple[Path, Inside]:
        path = original.resolve(strict=True)
        with path.open("rb") as file:
            return path, look_inside(file)

    try:
        return await asyncio.to_thread(look)
    except OSError as error:
        raise StageFailed(
            "original-unreadable", "The original cannot be read from the store right now. Try again later."
        ) from error
