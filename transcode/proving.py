"""Proves what the playable copy shows: stream hashes on both sides, and the map of its times.

Invariants: both sides are read anew, after the copy was made; a hash is only compared where the stream was
copied, after the normalisation that is stated beside it; what was encoded is called so.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from evidence.canonical import Json, canonical
from evidence.errors import StageFailed
from evidence.ports.media import Made, Progress
from transcode import commands, presentation
from transcode.bench import Bench, Bounds, Program, failure
from transcode.containers import Container
from transcode.edit_lists import edit_lists
from transcode.outputs import fresh, opened_plain
from transcode.probe import Inside
from transcode.routes import Decision, Stream, streams_of
from transcode.runs import ffmpeg_version
from transcode.sandbox import INSIDE, Places

PRESENTATION_NAME = "presentation.json"
_MEMORY = 2 << 30
#: A line of the packet list is under 100 bytes; an hour has some 300,000 packets.
_LISTING_BYTES = 512 << 20
_ADTS_TO_ASC = "aac_adtstoasc"
_SLICES = "filter_units=pass_types=1-5"
_PLAYABLE = Container("mp4", "mov", "recording")


@dataclass(frozen=True, slots=True)
class _Listed:
    hashes: Mapping[int, str]
    times: presentation.Times | None
    argv: Sequence[str]


@dataclass(frozen=True, slots=True)
class Normalisation:
    """What both sides go through before they are hashed, and in words why."""

    words: str
    original: Mapping[str, str]
    shown: Mapping[str, str]


def normalisation(decision: Decision, streams: Sequence[Stream], demuxer: str | None) -> Normalisation:
    """Nothing where MP4 stores the packets as they were; else the least that takes the container away.

    H.264 outside MP4 has start codes where MP4 has lengths: both sides are reduced to their coded slices
    (NAL unit types 1 to 5, Rec. ITU-T H.264 table 7-1) in Annex B form. ADTS headers are taken off AAC.
    """
    original: dict[str, str] = {}
    shown: dict[str, str] = {}
    words = []
    video = next((stream for stream in streams if stream["index"] == decision.video), None)
    if video is not None and not decision.encodes_video and video.get("is_avc") != "true":
        original["v"], shown["v"] = _SLICES, f"h264_mp4toannexb,{_SLICES}"
        words.append("video: coded slices (NAL units 1 to 5) in Annex B form")
    if decision.audio is not None and not decision.encodes_audio and demuxer in ("mpegts", "aac", "mpeg"):
        original["a"] = _ADTS_TO_ASC
        words.append("sound: AAC frames without ADTS headers")
    return Normalisation("; ".join(words) or "none: packets as they are stored", original, shown)


class Prover:
    """`MediaTools.prove`."""

    def __init__(self, bench: Bench, ffmpeg: Program) -> None:
        self._bench = bench
        self._ffmpeg = ffmpeg

    async def prove(
        self,
        original: Path,
        inside: Inside,
        shown: Path,
        description: Mapping[str, Json],
        decision: Decision,
        workdir: Path,
        progress: Progress,
    ) -> Made:
        """The presentation of an item as a rendition; see the port."""
        if not decision.selected:
            raise StageFailed("nothing-to-play", decision.reason, final=True)
        report = description.get("probe")
        streams = streams_of(report.get("data") if isinstance(report, Mapping) else None)
        demuxer = inside.container.demuxer if inside.container is not None else None
        rule = normalisation(decision, streams, demuxer)
        ours = await self._listed(
            original, inside.size, inside.container, decision.selected, rule.original, workdir
        )
        progress(500)
        size = await asyncio.to_thread(lambda: shown.stat().st_size)
        theirs = await self._listed(
            shown, size, _PLAYABLE, range(len(decision.selected)), rule.shown, workdir
        )
        progress(900)
        proofs = _proofs(decision, ours.hashes, theirs.hashes)
        found: dict[str, Json] = {
            "v": presentation.PRESENTATION_VERSION,
            "normalisation": rule.words,
            "streams": proofs,
            "not_shown": list(decision.not_shown),
            "tracks": [track.index for track in decision.tracks],
            "edit_lists": await asyncio.to_thread(_edit_lists, original),
            "map_of": decision.selected[0],
            "map": None
            if ours.times is None or theirs.times is None
            else await asyncio.to_thread(presentation.matched, ours.times, theirs.times),
            "wall_clock": _wall_clock(description, theirs.times),
        }
        path = await asyncio.to_thread(fresh, workdir) / PRESENTATION_NAME
        await asyncio.to_thread(path.write_bytes, canonical(found))
        progress(1000)
        provenance: dict[str, Json] = {
            "tool": "ffmpeg",
            "version": await ffmpeg_version(self._bench, self._ffmpeg),
            "arguments": list(ours.argv[1:]),
            "arguments_for_the_copy": list(theirs.argv[1:]),
            "normalisation": rule.words,
            "streams": proofs,
            "sandboxed": self._bench.sandbox.in_force,
        }
        return Made("presentation", path, "application/json", provenance, {})

    async def times(
        self, original: Path, inside: Inside, stream: int, workdir: Path
    ) -> presentation.Times | None:
        """The presentation times of one stream's packets, as the container states them."""
        return (await self._listed(original, inside.size, inside.container, [stream], {}, workdir)).times

    async def _listed(
        self,
        file: Path,
        size: int,
        container: Container | None,
        streams: Sequence[int],
        filters: Mapping[str, str],
        workdir: Path,
    ) -> _Listed:
        out = await asyncio.to_thread(fresh, workdir)

        def argv(program: str, places: Places) -> Sequence[str]:
            return commands.packets_argv(program, places, container, streams, filters)

        bounds = Bounds(self._bench.wall_s(size), _MEMORY, 0, file_size=_LISTING_BYTES)
        finished = await self._bench.run(
            self._ffmpeg, argv, bounds, original=file, out=out, on_line=lambda _: None
        )
        if not finished.worked:
            raise failure(self._ffmpeg, finished)

        def read() -> tuple[dict[int, str], presentation.Times | None]:
            with _opened(out / commands.STREAMS_NAME) as text:
                hashes = presentation.stream_hashes(text.read(1 << 16))
            with _opened(out / commands.PACKETS_NAME) as text:
                return hashes, presentation.packet_times(text)

        try:
            hashes, times = await asyncio.to_thread(read)
        except OSError as error:
            raise StageFailed(
                "nothing-made", "ffmpeg listed no packets of this file: it is damaged.", final=True
            ) from error
        return _Listed(hashes, times, argv("ffmpeg", INSIDE))


def _opened(path: Path) -> TextIO:
    descriptor = opened_plain(path)
    if descriptor is None:
        raise FileNotFoundError(path.name)
    return os.fdopen(descriptor, encoding="ascii", errors="replace")


def _proofs(decision: Decision, ours: Mapping[int, str], theirs: Mapping[int, str]) -> list[Json]:
    proofs: list[Json] = []
    for place, index in enumerate(decision.selected):
        encoded = decision.encodes_video if index == decision.video else decision.encodes_audio
        before, after = ours.get(place), theirs.get(place)
        proofs.append(
            {
                "stream": index,
                "encoded": encoded,
                "original_sha256": before,
                "shown_sha256": after,
                "equal": None if encoded else before is not None and before == after,
            }
        )
    return proofs


def _edit_lists(original: Path) -> Json:
    with original.open("rb") as file:
        try:
            found = edit_lists(file)
        except ValueError:
            return None
    return [
        {
            "track": one.track,
            "movie_timescale": one.movie_timescale,
            "entries": [list(entry) for entry in one.entries],
            "entries_left_out": one.left_out,
        }
        for one in found
    ]


def _wall_clock(description: Mapping[str, Json], shown: presentation.Times | None) -> list[Json]:
    """What the file's clocks say of the start, beside the time at which its first frame is shown.

    Clocks that do not say what they mark are among them, and still say so; none is preferred.
    """
    begins_us = 0 if shown is None else shown.micros(shown.ticks[0])
    facts = description.get("facts")
    clocks = facts.get("clocks") if isinstance(facts, Mapping) else None
    if not isinstance(clocks, Sequence) or isinstance(clocks, str):
        return []
    return [
        {**clock, "shown_us": begins_us}
        for clock in clocks
        if isinstance(clock, Mapping) and clock.get("marks") in ("start", "unknown")
    ]
