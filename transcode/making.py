"""Makes renditions with ffmpeg: the playable copy, further tracks, and what helps to find the way.

Invariants: what has to be decoded is decoded once, and that one run makes everything; what need not be is
copied, and looked at by its keyframes alone. The tool writes into an empty directory of its own; nothing
is handed back that was not parsed or decoded after it ended. Provenance names the arguments as the tool
saw them inside the sandbox.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from evidence.canonical import Json
from evidence.errors import StageFailed
from evidence.ports.media import Made, Progress
from transcode import graphs, probe, products
from transcode.bench import Bench, Bounds, Program, failure
from transcode.containers import Container
from transcode.describing import OutTime
from transcode.encoders import EncoderChoice
from transcode.graphs import Previews
from transcode.outputs import fresh
from transcode.probe import Inside
from transcode.process import Finished
from transcode.profiles import PREVIEWS, PROXY, SOFTWARE, Encoder
from transcode.routes import PLAYABLE_ROUTES, Decision, decide, streams_of
from transcode.sandbox import INSIDE, Places

Argv = Callable[[str, Places], Sequence[str]]

_MEMORY = 4 << 30
_VERSION_CAP = 1 << 16
_SLACK = 64 << 20
#: Seconds of a slow machine for a second of 4K.
ENCODING_TIME = 20
ENCODED_BYTES_PER_S = 4 << 20
#: Where nothing could be measured.
_ASSUMED_LENGTH_MS = 600_000


class Maker:
    """`MediaTools.make_playable` and `make_previews` for recordings."""

    def __init__(self, bench: Bench, ffmpeg: Program, choice: EncoderChoice) -> None:
        self._bench = bench
        self._ffmpeg = ffmpeg
        self._choice = choice
        self._version: str | None = None

    async def playable(
        self,
        original: Path,
        inside: Inside,
        description: Mapping[str, Json],
        workdir: Path,
        progress: Progress,
    ) -> Sequence[Made]:
        """The shown streams in fragmented MP4, and what the same decode gave; see the port."""
        decision = decided(description, inside.container)
        if decision.route not in PLAYABLE_ROUTES:
            raise _nothing_to_play(decision)
        length = _length(description)
        previews = _previews(decision, length, every_frame=True) if decision.decodes_all else None
        rate = _sample_rate(description, decision.audio)

        def with_encoder(encoder: Encoder) -> Argv:
            def argv(program: str, places: Places) -> Sequence[str]:
                return graphs.make_argv(
                    program,
                    places,
                    inside.container,
                    decision=decision,
                    previews=previews,
                    encoder=encoder,
                    audio_rate_hz=rate,
                )

            return argv

        bounds, told = self._bounds(decision, inside.size, length), _told(progress, length)
        encoder = await self._choice.encoder() if decision.encodes_pictures else SOFTWARE
        argv = with_encoder(encoder)
        out, finished = await self._run(argv, bounds, original, workdir, told, encoder.devices)
        if not finished.worked and encoder is not SOFTWARE:
            # It could do one picture; what it cannot do with this recording, the processor can.
            argv = with_encoder(SOFTWARE)
            out, finished = await self._run(argv, bounds, original, workdir, told)
        about = await self._provenance(argv("ffmpeg", INSIDE), finished, decision)
        about["encoded"] = {"video": decision.encodes_video, "audio": decision.encodes_audio}
        about["flaws_in_source"] = flaws_of(description)
        if not finished.worked:
            raise failure(self._ffmpeg, finished)
        shown = await asyncio.to_thread(products.playable_in, out, about)
        made = [shown, *await asyncio.to_thread(products.tracks_in, out, decision, about)]
        if previews is not None:
            length_us = shown.layout["duration_us"]
            assert isinstance(length_us, int)
            made += await asyncio.to_thread(products.previews_in, out, previews, length_us, about)
        progress(1000)
        return made

    async def previews(
        self,
        original: Path,
        inside: Inside,
        description: Mapping[str, Json],
        workdir: Path,
        progress: Progress,
    ) -> Sequence[Made]:
        """Poster, sprite sheet and analysis from keyframes and sound; see the port."""
        decision = decided(description, inside.container)
        if decision.route not in PLAYABLE_ROUTES or not decision.selected:
            raise StageFailed("no-picture", "There is no picture in this item to show.", final=True)
        length = _length(description)
        previews = _previews(decision, length, every_frame=False)
        rate = _sample_rate(description, decision.audio)

        def argv(program: str, places: Places) -> Sequence[str]:
            return graphs.make_argv(
                program,
                places,
                inside.container,
                decision=None,
                previews=previews,
                encoder=SOFTWARE,
                audio_rate_hz=rate,
            )

        bounds = Bounds(self._bench.wall_s(inside.size, length), _MEMORY, 0, file_size=_SLACK)
        out, finished = await self._run(argv, bounds, original, workdir, _told(progress, length))
        about = await self._provenance(argv("ffmpeg", INSIDE), finished, decision)
        length_us = None if length is None else length * 1000
        made = await asyncio.to_thread(products.previews_in, out, previews, length_us, about)
        if decision.video is not None and all(one.kind != "poster" for one in made):
            poster = await self._poster(original, inside, decision, length or 0, workdir)
            made += [] if poster is None else [poster]
        if not made:
            if not finished.worked:
                raise failure(self._ffmpeg, finished)
            raise StageFailed("no-picture", "Nothing of this recording can be decoded.", final=True)
        progress(1000)
        return made

    async def _poster(
        self, original: Path, inside: Inside, decision: Decision, length_ms: int, workdir: Path
    ) -> Made | None:
        """A poster where no keyframe comes late enough: any frame after a tenth, else the first."""
        assert decision.video is not None
        video = decision.video
        bounds = Bounds(self._bench.wall_s(inside.size), _MEMORY, 0, file_size=_SLACK)
        for at_ms in (length_ms // 10, 0):

            def argv(program: str, places: Places, at_ms: int = at_ms) -> Sequence[str]:
                return graphs.poster_argv(program, places, inside.container, video=video, at_ms=at_ms)

            out, finished = await self._run(argv, bounds, original, workdir, None)
            about = await self._provenance(argv("ffmpeg", INSIDE), finished, decision)
            poster = await asyncio.to_thread(products.poster_in, out, PREVIEWS.poster_side, about)
            if poster is not None or finished.ended_by != "itself":
                return poster
        return None

    async def _run(
        self,
        argv: Argv,
        bounds: Bounds,
        original: Path,
        workdir: Path,
        told: OutTime | None,
        devices: Sequence[str] = (),
    ) -> tuple[Path, Finished]:
        out = await asyncio.to_thread(fresh, workdir)
        finished = await self._bench.run(
            self._ffmpeg,
            argv,
            bounds,
            original=original,
            out=out,
            on_line=None if told is None else told.line,
            devices=devices,
        )
        return out, finished

    def _bounds(self, decision: Decision, size: int, length_ms: int | None) -> Bounds:
        wall_s, file_size = self._bench.wall_s(size, length_ms), 2 * size + _SLACK
        seconds = (_ASSUMED_LENGTH_MS if length_ms is None else length_ms) / 1000
        pictures = decision.encodes_pictures
        wall_s += seconds * ENCODING_TIME * pictures
        if pictures or decision.encodes_audio or any(not track.copied for track in decision.tracks):
            file_size += int(seconds * ENCODED_BYTES_PER_S)
        return Bounds(wall_s, _MEMORY, 0, file_size=file_size)

    async def _provenance(
        self, argv: Sequence[str], finished: Finished, decision: Decision
    ) -> dict[str, Json]:
        if self._version is None:
            self._version = await ffmpeg_version(self._bench, self._ffmpeg)
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


async def ffmpeg_version(bench: Bench, ffmpeg: Program) -> str:
    """What ffmpeg calls itself, "unknown" if it does not say."""
    finished = await bench.run(
        ffmpeg,
        lambda program, _: [program, "-version"],
        Bounds(bench.wall_s(0), _MEMORY, _VERSION_CAP),
    )
    words = finished.stdout.decode("utf-8", "replace").split(maxsplit=3)
    return words[2] if words[:2] == ["ffmpeg", "version"] and len(words) > 2 else "unknown"


def decided(description: Mapping[str, Json], container: Container | None) -> Decision:
    """The decision for the streams that the description lists, made again rather than believed.

    Flaws that were counted have the video encoded anew.
    """
    report = description.get("probe")
    data = report.get("data") if isinstance(report, Mapping) else None
    reason = description.get("reason")
    if description.get("route") == "unplayable" or not isinstance(data, Mapping):
        return Decision("unplayable", reason if isinstance(reason, str) else "The file cannot be read.")
    decision = decide(data, container)
    return decision.mended() if decision.route in PLAYABLE_ROUTES and flaws_of(description) else decision


def flaws_of(description: Mapping[str, Json]) -> int:
    """How many errors were counted when the file was described; none for what was described before that."""
    report = description.get("probe")
    errors = report.get("errors") if isinstance(report, Mapping) else None
    return errors if isinstance(errors, int) else 0


def _nothing_to_play(decision: Decision) -> StageFailed:
    code = "unplayable" if decision.route == "unplayable" else "nothing-to-play"
    return StageFailed(code, decision.reason, final=True)


def _previews(decision: Decision, length_ms: int | None, *, every_frame: bool) -> Previews:
    return Previews(decision.video, decision.audio, length_ms, every_frame)


def _sample_rate(description: Mapping[str, Json], stream: int | None) -> int:
    report = description.get("probe")
    data = report.get("data") if isinstance(report, Mapping) else None
    for one in streams_of(data):
        rate = one.get("sample_rate")
        if one["index"] == stream and isinstance(rate, str) and rate.isdecimal() and 0 < int(rate) <= 768_000:
            return int(rate)
    return 48_000


def _length(description: Mapping[str, Json]) -> int | None:
    length = description.get("duration_ms")
    return length if isinstance(length, int) and 0 < length <= probe.LONGEST_MS else None


def _told(progress: Progress, length_ms: int | None) -> OutTime:
    def on_time(at_ms: int) -> None:
        if length_ms:
            progress(min(999, at_ms * 1000 // length_ms))

    return OutTime(on_time)
