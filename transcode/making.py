"""Makes renditions with ffmpeg: the playable copy, further tracks, and what helps to find the way.

Invariants: what has to be decoded is decoded once, and that one run makes everything; what need not be is
copied, and looked at by its keyframes alone. The tool writes into an empty directory of its own; nothing
is handed back that was not parsed or decoded after it ended. Provenance names the arguments as the tool
saw them inside the sandbox.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from evidence.canonical import Json
from evidence.errors import StageFailed
from evidence.ports.media import Made, Progress
from transcode import graphs, probe, products
from transcode.bench import Bounds, failure
from transcode.containers import Container
from transcode.encoders import EncoderChoice
from transcode.graphs import Previews
from transcode.probe import Inside
from transcode.process import Finished
from transcode.profiles import PREVIEWS, SOFTWARE, Encoder
from transcode.routes import PLAYABLE_ROUTES, Decision, decide, streams_of
from transcode.runs import MEMORY, SLACK, Argv, Runs, encoded_of, told_until
from transcode.sandbox import Places


@dataclass(frozen=True, slots=True)
class _Attempt:
    """What is asked of one run."""

    decision: Decision
    previews: Previews | None
    encoder: Encoder


class Maker:
    """`MediaTools.make_playable`, `make_track` and `make_previews` for recordings."""

    def __init__(self, runs: Runs, choice: EncoderChoice) -> None:
        self._runs = runs
        self._choice = choice

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
        length = length_of(description)
        previews = _previews(decision, length, every_frame=True) if decision.decodes_all else None
        encoder = await self._choice.encoder() if decision.encodes_pictures else SOFTWARE
        asked = _Attempt(decision, previews, encoder)
        told = told_until(progress, length)
        while True:
            argv = _argv(asked, inside.container, _sample_rate(description, decision.audio))
            bounds = self._bounds(asked.decision, inside.size, length)
            out, finished = await self._runs.run(
                argv, bounds, original, workdir, told, devices=asked.encoder.devices
            )
            less = None if finished.worked else _less(asked, finished)
            if less is None:
                break
            asked = less
        if not finished.worked:
            raise failure(self._runs.ffmpeg, finished)
        about = await self._runs.provenance(argv, finished, asked.decision)
        about |= encoded_of(decision, flaws_of(description))
        shown = await asyncio.to_thread(products.playable_in, out, about)
        made = [shown, *await asyncio.to_thread(products.tracks_in, out, asked.decision, about)]
        if asked.previews is not None:
            length_us = shown.layout["duration_us"]
            assert isinstance(length_us, int)
            made += await asyncio.to_thread(products.previews_in, out, asked.previews, length_us, about)
        progress(1000)
        return made

    async def track(
        self,
        original: Path,
        inside: Inside,
        description: Mapping[str, Json],
        number: int,
        workdir: Path,
        progress: Progress,
    ) -> Made:
        """A further stream by itself; see the port."""
        decision = decided(description, inside.container)
        track = next((one for one in decision.tracks if one.index == number), None)
        if track is None:
            raise StageFailed("no-track", f"Stream {number} of this recording cannot be chosen.", final=True)
        encoder = await self._choice.encoder() if track.kind == "video" and not track.copied else SOFTWARE
        # The sound goes with a further picture; that picture is all that is made.
        alone = replace(decision, video=None, tracks=(track,))
        length = length_of(description)

        def argv(program: str, places: Places) -> Sequence[str]:
            return graphs.track_argv(program, places, inside.container, alone, track, encoder)

        out, finished = await self._runs.run(
            argv,
            self._bounds(alone, inside.size, length),
            original,
            workdir,
            told_until(progress, length),
            devices=encoder.devices,
        )
        if not finished.worked:
            raise failure(self._runs.ffmpeg, finished)
        about = await self._runs.provenance(argv, finished, decision)
        return await asyncio.to_thread(products.track_in, out, track, about)

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
        length = length_of(description)
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

        bounds = Bounds(self._runs.bench.wall_s(inside.size, length), MEMORY, 0, file_size=SLACK)
        out, finished = await self._runs.run(argv, bounds, original, workdir, told_until(progress, length))
        about = await self._runs.provenance(argv, finished, decision)
        length_us = None if length is None else length * 1000
        made = await asyncio.to_thread(products.previews_in, out, previews, length_us, about)
        if decision.video is not None and all(one.kind != "poster" for one in made):
            poster = await self._poster(original, inside, decision, length or 0, workdir)
            made += [] if poster is None else [poster]
        if not made:
            if not finished.worked:
                raise failure(self._runs.ffmpeg, finished)
            raise StageFailed("no-picture", "Nothing of this recording can be decoded.", final=True)
        progress(1000)
        return made

    async def _poster(
        self, original: Path, inside: Inside, decision: Decision, length_ms: int, workdir: Path
    ) -> Made | None:
        """A poster where no keyframe comes late enough: any frame after a tenth, else the first."""
        assert decision.video is not None
        video = decision.video
        bounds = Bounds(self._runs.bench.wall_s(inside.size), MEMORY, 0, file_size=SLACK)
        for at_ms in (length_ms // 10, 0):

            def argv(program: str, places: Places, at_ms: int = at_ms) -> Sequence[str]:
                return graphs.poster_argv(program, places, inside.container, video=video, at_ms=at_ms)

            out, finished = await self._runs.run(argv, bounds, original, workdir)
            about = await self._runs.provenance(argv, finished, decision)
            poster = await asyncio.to_thread(products.poster_in, out, PREVIEWS.poster_side, about)
            if poster is not None or finished.ended_by != "itself":
                return poster
        return None

    def _bounds(self, decision: Decision, size: int, length_ms: int | None) -> Bounds:
        sound = decision.encodes_audio or any(not track.copied for track in decision.tracks)
        return self._runs.bounds(size, length_ms, pictures=decision.encodes_pictures, sound=sound)


def _argv(asked: _Attempt, container: Container | None, rate_hz: int) -> Argv:
    def argv(program: str, places: Places) -> Sequence[str]:
        return graphs.make_argv(
            program,
            places,
            container,
            decision=asked.decision,
            previews=asked.previews,
            encoder=asked.encoder,
            audio_rate_hz=rate_hz,
        )

    return argv


def _less(asked: _Attempt, finished: Finished) -> _Attempt | None:
    """What to ask after a run that failed: the playable copy must not fail for what is made beside it."""
    if asked.encoder is not SOFTWARE:
        # It could do one picture; what it cannot do with this recording, the processor can.
        return replace(asked, encoder=SOFTWARE)
    if finished.ended_by == "itself" and (asked.decision.tracks or asked.previews is not None):
        return replace(asked, decision=replace(asked.decision, tracks=()), previews=None)
    return None


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


def length_of(description: Mapping[str, Json]) -> int | None:
    """Milliseconds as measured, None where they are not known or not believable."""
    length = description.get("duration_ms")
    return length if isinstance(length, int) and 0 < length <= probe.LONGEST_MS else None
