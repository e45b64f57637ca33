"""Makes renditions: the playable copy and the poster.

Invariants: what is handed back was parsed or decoded after the tool ended, whatever its exit code said;
the tool writes into an empty directory of its own, and only a plain file is taken out of it. Provenance
names the arguments as the tool saw them inside the sandbox.
"""

from __future__ import annotations

import asyncio
import os
import stat
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from evidence.canonical import Json
from evidence.errors import StageFailed
from evidence.ports.media import Made, Progress
from transcode import commands, fragments, probe
from transcode.bench import Bench, Bounds, Program, failure
from transcode.describing import OutTime
from transcode.probe import Inside
from transcode.process import Finished
from transcode.profiles import PROXY
from transcode.routes import PLAYABLE_ROUTES, Decision, decide
from transcode.sandbox import INSIDE, Places

_MEMORY = 4 << 30
_VERSION_CAP = 1 << 16
_SLACK = 64 << 20
#: Seconds of a slow machine for a second of 4K.
_ENCODING_TIME = 20
_ENCODED_BYTES_PER_S = 4 << 20
#: Where nothing could be measured.
_ASSUMED_LENGTH_MS = 600_000
_POSTER_BYTES = 4 << 20
_OPEN_PLAIN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Maker:
    """`MediaTools.make_playable` and `make_poster`."""

    def __init__(self, bench: Bench, ffmpeg: Program) -> None:
        self._bench = bench
        self._ffmpeg = ffmpeg
        self._version: str | None = None

    async def playable(
        self,
        original: Path,
        inside: Inside,
        description: Mapping[str, Json],
        workdir: Path,
        progress: Progress,
    ) -> Made:
        """The shown streams in fragmented MP4; see the port."""
        decision = _decision(description, inside)
        if decision.route not in PLAYABLE_ROUTES:
            raise _nothing_to_play(decision)
        flaws = _flaws(description)
        if flaws:
            decision = decision.mended()
        length = _length(description)

        def arguments(program: str, places: Places) -> Sequence[str]:
            return commands.playable_argv(program, places, inside.container, decision)

        def on_time(at_ms: int) -> None:
            if length:
                progress(min(999, at_ms * 1000 // length))

        bounds = self._bounds(decision, inside.size, length)
        out = await asyncio.to_thread(_fresh, workdir)
        finished = await self._bench.run(
            self._ffmpeg, arguments, bounds, original=original, out=out, on_line=OutTime(on_time).line
        )
        if not finished.worked:
            raise failure(self._ffmpeg, finished)
        path = out / commands.PLAYABLE_NAME
        layout = await asyncio.to_thread(_layout_of, path)
        progress(1000)
        provenance = await self._provenance(arguments("ffmpeg", INSIDE), finished, decision)
        provenance["encoded"] = {"video": decision.encodes_video, "audio": decision.encodes_audio}
        provenance["flaws_in_source"] = flaws
        media_type = "video/mp4" if layout["video"] else "audio/mp4"
        return Made("playable", path, media_type, provenance, layout)

    def _bounds(self, decision: Decision, size: int, length_ms: int | None) -> Bounds:
        wall_s, file_size = self._bench.wall_s(size, length_ms), 2 * size + _SLACK
        seconds = (_ASSUMED_LENGTH_MS if length_ms is None else length_ms) / 1000
        if decision.encodes_video:
            wall_s += seconds * _ENCODING_TIME
        if decision.encodes_video or decision.encodes_audio:
            file_size += int(seconds * _ENCODED_BYTES_PER_S)
        return Bounds(wall_s, _MEMORY, 0, file_size=file_size)

    async def poster(
        self, original: Path, inside: Inside, description: Mapping[str, Json], workdir: Path
    ) -> Made:
        """One upright JPEG: a keyframe after a tenth of the length, else any frame, else the first."""
        decision = _decision(description, inside)
        if decision.route == "none":
            raise StageFailed(
                "route-not-offered-yet",
                "This version of Custos makes no preview of pictures yet; open the original to see it.",
                final=True,
            )
        video = decision.video
        if video is None or decision.route == "unplayable":
            raise StageFailed("no-picture", "There is no picture in this item to show.", final=True)
        length = _length(description) or 0
        bounds = Bounds(self._bench.wall_s(inside.size), _MEMORY, 0, file_size=_POSTER_BYTES)
        out = await asyncio.to_thread(_fresh, workdir)
        path = out / commands.POSTER_NAME
        finished: Finished | None = None
        for at_ms, keyframes_only in ((length // 10, True), (length // 10, False), (0, False)):

            def arguments(
                program: str, places: Places, at_ms: int = at_ms, keyframes_only: bool = keyframes_only
            ) -> Sequence[str]:
                return commands.poster_argv(
                    program,
                    places,
                    inside.container,
                    video=video,
                    at_ms=at_ms,
                    keyframes_only=keyframes_only,
                )

            finished = await self._bench.run(self._ffmpeg, arguments, bounds, original=original, out=out)
            layout = await asyncio.to_thread(_picture, path)
            if layout is not None:
                provenance = await self._provenance(arguments("ffmpeg", INSIDE), finished, decision)
                return Made("poster", path, "image/jpeg", provenance, layout)
            if finished.ended_by != "itself":
                break
        assert finished is not None
        if not finished.worked:
            raise failure(self._ffmpeg, finished)
        raise StageFailed("no-picture", "No frame of this recording can be decoded.", final=True)

    async def _provenance(
        self, argv: Sequence[str], finished: Finished, decision: Decision
    ) -> dict[str, Json]:
        if self._version is None:
            self._version = await self._ffmpeg_version()
        return {
            "tool": "ffmpeg",
            "version": self._version,
            "arguments": list(argv[1:]),
            "selected": list(decision.selected),
            "not_shown": list(decision.not_shown),
            "profile": PROXY.name if decision.encodes_video or decision.encodes_audio else None,
            "errors": finished.stderr_lines,
            "sandboxed": self._bench.sandbox.in_force,
        }

    async def _ffmpeg_version(self) -> str:
        finished = await self._bench.run(
            self._ffmpeg,
            lambda program, _: [program, "-version"],
            Bounds(self._bench.wall_s(0), _MEMORY, _VERSION_CAP),
        )
        words = finished.stdout.decode("utf-8", "replace").split(maxsplit=3)
        return words[2] if words[:2] == ["ffmpeg", "version"] and len(words) > 2 else "unknown"


def _decision(description: Mapping[str, Json], inside: Inside) -> Decision:
    """The decision for the streams that the description lists, made again rather than believed."""
    report = description.get("probe")
    data = report.get("data") if isinstance(report, Mapping) else None
    reason = description.get("reason")
    if description.get("route") == "unplayable" or not isinstance(data, Mapping):
        return Decision("unplayable", reason if isinstance(reason, str) else "The file cannot be read.")
    return decide(data, inside.container)


def _nothing_to_play(decision: Decision) -> StageFailed:
    code = "unplayable" if decision.route == "unplayable" else "nothing-to-play"
    return StageFailed(code, decision.reason, final=True)


def _flaws(description: Mapping[str, Json]) -> int:
    """How many errors were counted when the file was described; none for what was described before that."""
    report = description.get("probe")
    errors = report.get("errors") if isinstance(report, Mapping) else None
    return errors if isinstance(errors, int) else 0


def _length(description: Mapping[str, Json]) -> int | None:
    length = description.get("duration_ms")
    return length if isinstance(length, int) and 0 < length <= probe.LONGEST_MS else None


def _fresh(workdir: Path) -> Path:
    return Path(tempfile.mkdtemp(prefix="made-", dir=workdir.resolve(strict=True)))


def _opened_plain(path: Path) -> int | None:
    """A descriptor of `path` if it is a plain file: a tool gone wrong may have left a link or a pipe."""
    try:
        descriptor = os.open(path, _OPEN_PLAIN)
    except OSError:
        return None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    return descriptor


def _layout_of(path: Path) -> dict[str, Json]:
    descriptor = _opened_plain(path)
    if descriptor is None:
        raise StageFailed("nothing-made", "ffmpeg made nothing of this file: it is damaged.", final=True)
    with os.fdopen(descriptor, "rb") as file:
        try:
            return fragments.layout(fragments.parse(file))
        except ValueError as error:
            raise StageFailed(
                "nothing-playable",
                "No playable picture or sound could be taken from this file: it is damaged. "
                "The original is kept as it is.",
                final=True,
            ) from error


def _picture(path: Path) -> dict[str, Json] | None:
    """Width and height of the JPEG at `path` once it has been decoded; None if it is none, or too large."""
    descriptor = _opened_plain(path)
    if descriptor is None:
        return None
    with os.fdopen(descriptor, "rb") as file:
        try:
            with Image.open(file, formats=["JPEG"]) as image:
                width, height = image.size
                if max(width, height) > commands.POSTER_SIDE:
                    return None
                image.load()
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            return None
    return {"width": width, "height": height}
