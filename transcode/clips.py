"""Makes a clip of one or several originals: exactly the frames that are on screen within a stretch of each.

Invariants: the frames are chosen by their presentation times in the originals, and what was really taken is
read back from what ffmpeg decoded; sound lasts as long as the picture beside it, to the sample; nothing is
filled in between two sources. The clip is read again before it is handed on, and has every frame that was
taken.
"""

from __future__ import annotations

import asyncio
import os
import wave
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from evidence.canonical import Json
from evidence.errors import StageFailed
from evidence.ports.media import ClipSource, Made, Progress
from transcode import clip_graphs
from transcode.bench import Bench, Bounds, Program, failure
from transcode.clip_graphs import (
    CHANNELS,
    CLIP_NAME,
    PICTURE_NAME,
    PIECE_NAME,
    RATE_HZ,
    SOUND_NAME,
    TAKEN_NAME,
    Cut,
)
from transcode.making import decided, length_of
from transcode.outputs import fresh, opened_plain
from transcode.presentation import Times, on_screen, packet_times
from transcode.probe import Inside, look_inside
from transcode.profiles import CLIP
from transcode.proving import Prover
from transcode.routes import Decision, Stream, streams_of
from transcode.runs import ENCODED_BYTES_PER_S, ENCODING_TIME, MEMORY, SLACK, ffmpeg_version
from transcode.sandbox import INSIDE, Places
from transcode.spreading import put_together

#: Transport streams are sought by guessing: this far before the keyframe is early enough.
_BACK_S = 5
_SAMPLE_BYTES = 2 * CHANNELS
_BLOCK_SAMPLES = 1 << 16


@dataclass(frozen=True, slots=True)
class _Piece:
    """One source as it was cut; `taken` are the presentation times of its frames, of sound of its packets."""

    cut: Cut
    times: Times
    taken: Sequence[int]
    out: Path
    has_sound: bool
    argv: Sequence[str]
    errors: int

    def told(self, at_us: int) -> dict[str, Json]:
        """What the clip cites of it."""
        return {
            "first_pts": self.taken[0],
            "last_pts": self.taken[-1],
            "time_base": [self.times.numerator, self.times.denominator],
            "frames": len(self.taken),
            "at_us": at_us,
            "length_us": self.cut.length_us,
        }


class Clipper:
    """`MediaTools.make_clip`."""

    def __init__(self, bench: Bench, ffmpeg: Program, prover: Prover) -> None:
        self._bench = bench
        self._ffmpeg = ffmpeg
        self._prover = prover

    async def make(self, sources: Sequence[ClipSource], workdir: Path, progress: Progress) -> Made:
        """The clip; see the port."""
        size: tuple[int, int] | None = None
        pieces: list[_Piece] = []
        at_us = 0
        for number, source in enumerate(sources):
            inside = await asyncio.to_thread(_inside, source.original)
            decision = decided(source.description, inside.container)
            if number and (decision.video is None) != (size is None):
                raise StageFailed("sources-differ", "Some of the sources have no picture.", final=True)
            if decision.video is not None and size is None:
                size = shown_size(_stream(source.description, decision.video), CLIP.longest_side)
            pieces.append(await self._piece(source, inside, decision, size, at_us, workdir))
            at_us += pieces[-1].cut.length_us
            progress((number + 1) * 800 // len(sources))
        return await self._together(pieces, size, at_us, workdir, progress)

    async def _piece(
        self,
        source: ClipSource,
        inside: Inside,
        decision: Decision,
        size: tuple[int, int] | None,
        at_us: int,
        workdir: Path,
    ) -> _Piece:
        times, cut = await self._cut(source, inside, decision, workdir)
        start_s = max(cut.starts_us, 0) // 1_000_000 - _BACK_S
        for from_s in (start_s if start_s > 0 else None, None):

            def argv(program: str, places: Places, from_s: int | None = from_s) -> Sequence[str]:
                return clip_graphs.piece_argv(
                    program,
                    places,
                    inside.container,
                    cut,
                    times,
                    video=decision.video,
                    audio=decision.audio,
                    size=size,
                    at_us=at_us,
                    from_s=from_s,
                )

            length_s = cut.length_us / 1e6
            # Where seeking does not help, everything before has to be decoded.
            before_s = cut.starts_us / 1e6 if from_s is None else 0
            bounds = Bounds(
                self._bench.wall_s(inside.size) + (length_s + max(before_s, 0)) * ENCODING_TIME,
                MEMORY,
                0,
                file_size=SLACK + int((length_s + 1) * max(ENCODED_BYTES_PER_S, RATE_HZ * _SAMPLE_BYTES)),
            )
            out = await asyncio.to_thread(fresh, workdir)
            finished = await self._bench.run(
                self._ffmpeg, argv, bounds, original=source.original, out=out, on_line=lambda _: None
            )
            if not finished.worked:
                raise failure(self._ffmpeg, finished)
            taken = [tick for tick in times.ticks if cut.first <= tick <= cut.last]
            if decision.video is not None:
                taken = await asyncio.to_thread(_taken, out / TAKEN_NAME)
            if taken and taken[0] == cut.first:
                break
        if not taken:
            raise StageFailed("no-frame", "Nothing of that stretch can be decoded.", final=True)
        return _Piece(
            cut,
            times,
            taken,
            out,
            decision.audio is not None,
            argv("ffmpeg", INSIDE)[1:],
            finished.stderr_lines,
        )

    async def _cut(
        self, source: ClipSource, inside: Inside, decision: Decision, workdir: Path
    ) -> tuple[Times, Cut]:
        """Which frames, or packets of sound, are on screen within the stretch."""
        shown_map = source.presentation.get("map")
        if not decision.selected or source.presentation.get("map_of") != decision.selected[0]:
            raise StageFailed("nothing-to-play", "There is nothing in this item to cut from.", final=True)
        times = await self._prover.times(source.original, inside, decision.selected[0], workdir)
        if times is None or not isinstance(shown_map, Mapping):
            raise StageFailed("no-frame", "It is not known when its frames are shown.", final=True)
        first = on_screen(shown_map, times, source.from_ms * 1000)
        # Just before it ends: what begins at its end is the next one's. The map rounds up by a microsecond.
        last = on_screen(shown_map, times, max(source.from_ms * 1000, source.to_ms * 1000 - 2))
        length = length_of(source.description)
        if length is not None and source.to_ms >= length:
            # Reordered pictures are shown late: what is shown after the item's own end is the end of it.
            last = times.ticks[-1]
        if first is None or last is None:
            raise StageFailed("no-frame", "No frame of the recording is shown at that time.", final=True)
        return times, cut_of(times, first, last)

    async def _together(
        self,
        pieces: Sequence[_Piece],
        size: tuple[int, int] | None,
        length_us: int,
        workdir: Path,
        progress: Progress,
    ) -> Made:
        out = await asyncio.to_thread(fresh, workdir)
        ends = None
        if size is not None:
            ends = length_us * clip_graphs.TIMESCALE // 1_000_000
            await asyncio.to_thread(_joined, [piece.out / PIECE_NAME for piece in pieces], out / PICTURE_NAME)
        sound = any(piece.has_sound for piece in pieces)
        if sound:
            await asyncio.to_thread(_heard, pieces, out / SOUND_NAME)

        def argv(program: str, places: Places) -> Sequence[str]:
            return clip_graphs.clip_argv(program, places, ends=ends, sound=sound)

        room = await asyncio.to_thread(lambda: sum(one.stat().st_size for one in out.iterdir()))
        bounds = Bounds(self._bench.wall_s(room, length_us // 1000), MEMORY, 0, file_size=2 * room + SLACK)
        finished = await self._bench.run(self._ffmpeg, argv, bounds, out=out, on_line=lambda _: None)
        if not finished.worked:
            raise failure(self._ffmpeg, finished)
        made = out / CLIP_NAME
        progress(950)
        await self._require_whole(
            made, None if size is None else sum(len(one.taken) for one in pieces), workdir
        )
        told: list[Json] = []
        at_us = 0
        for piece in pieces:
            told.append(piece.told(at_us))
            at_us += piece.cut.length_us
        provenance: dict[str, Json] = {
            "tool": "ffmpeg",
            "version": await ffmpeg_version(self._bench, self._ffmpeg),
            "arguments": list(argv("ffmpeg", INSIDE)[1:]),
            "arguments_for_the_sources": [list(piece.argv) for piece in pieces],
            "profile": CLIP.name,
            "encoded": {"video": size is not None, "audio": sound},
            "errors": sum(piece.errors for piece in pieces) + finished.stderr_lines,
            "sandboxed": self._bench.sandbox.in_force,
        }
        layout: dict[str, Json] = {
            "duration_us": length_us,
            "video": size is not None,
            "audio": sound,
            "sources": told,
        }
        if size is not None:
            layout |= {"width": size[0], "height": size[1]}
        progress(1000)
        return Made("clip", made, "audio/mp4" if size is None else "video/mp4", provenance, layout)

    async def _require_whole(self, made: Path, frames: int | None, workdir: Path) -> None:
        """Raise unless the clip can be read again and has that many frames."""
        if opened := await asyncio.to_thread(opened_plain, made):
            os.close(opened)
            times = await self._prover.times(made, await asyncio.to_thread(_inside, made), 0, workdir)
            if times is not None and frames in (None, len(times.ticks)):
                return
        raise StageFailed("clip-not-whole", "The clip does not have every frame that was taken; try again.")


def cut_of(times: Times, first: int, last: int) -> Cut:
    """From the first frame to the last, which lasts until the next one, or as long as the one before it."""
    ticks = times.ticks
    place = ticks.index(last)
    if place + 1 < len(ticks):
        ends = ticks[place + 1]
    else:
        ends = last + (last - ticks[place - 1] if place else times.denominator // times.numerator // 25)
    return Cut(first, last, times.micros(first), times.micros(ends))


def shown_size(stream: Stream, longest_side: int) -> tuple[int, int]:
    """Width and height upright and in square pixels, even, none longer than that; never enlarged.

    Raises StageFailed, final, where the stream does not say.
    """
    width, height = stream.get("width"), stream.get("height")
    if not isinstance(width, int) or not isinstance(height, int) or width < 1 or height < 1:
        raise StageFailed("no-picture", "The recording does not say how large its picture is.", final=True)
    shape = _ratio(stream.get("sample_aspect_ratio"))
    wide = Fraction(width) * min(Fraction(4), max(Fraction(1, 4), shape))
    high = Fraction(height)
    if _turned(stream):
        wide, high = high, wide
    factor = min(Fraction(1), Fraction(longest_side) / max(wide, high))
    return _even(wide * factor), _even(high * factor)


def _even(side: Fraction) -> int:
    return max(2, 2 * round(side / 2))


def _ratio(text: Json) -> Fraction:
    parts = str(text).split(":")
    if len(parts) == 2 and all(one.isdecimal() and int(one) for one in parts):
        return Fraction(int(parts[0]), int(parts[1]))
    return Fraction(1)


def _turned(stream: Stream) -> bool:
    listed = stream.get("side_data_list")
    for one in listed if isinstance(listed, Sequence) and not isinstance(listed, str) else ():
        turned = one.get("rotation") if isinstance(one, Mapping) else None
        if isinstance(turned, int):
            return turned % 180 == 90
    return False


def _stream(description: Mapping[str, Json], index: int) -> Stream:
    report = description.get("probe")
    data = report.get("data") if isinstance(report, Mapping) else None
    return next((one for one in streams_of(data) if one["index"] == index), {})


def _inside(path: Path) -> Inside:
    try:
        with path.open("rb") as file:
            return look_inside(file)
    except OSError as error:
        raise StageFailed(
            "original-unreadable", "The original cannot be read from the store right now. Try again later."
        ) from error


def _taken(path: Path) -> list[int]:
    descriptor = opened_plain(path)
    if descriptor is None:
        return []
    with os.fdopen(descriptor, encoding="ascii", errors="replace") as text:
        times = packet_times(text)
    return [] if times is None else [*times.ticks]


def _joined(pieces: Sequence[Path], target: Path) -> None:
    try:
        put_together(pieces, target)
    except ValueError as error:
        raise StageFailed("no-frame", "Nothing of that stretch can be encoded.", final=True) from error
    except StageFailed as error:
        if error.code != "parts-differ":
            raise
        raise StageFailed(
            "sources-differ",
            "The sources cannot be shown one after the other without a break; take a clip of each.",
            final=True,
        ) from error


def _heard(pieces: Sequence[_Piece], target: Path) -> None:
    """The sound of all pieces, each as long as its picture; silence where a source has none or ends early."""
    with wave.open(str(target), "wb") as joined:
        joined.setnchannels(CHANNELS)
        joined.setsampwidth(2)
        joined.setframerate(RATE_HZ)
        ends_us = written = 0
        for piece in pieces:
            ends_us += piece.cut.length_us
            # Counted from the clip's beginning: rounding does not add up.
            missing = ends_us * RATE_HZ // 1_000_000 - written
            written += missing
            if piece.has_sound:
                missing = _copied(piece.out / SOUND_NAME, joined, missing)
            while missing:
                some = min(missing, _BLOCK_SAMPLES)
                joined.writeframes(bytes(some * _SAMPLE_BYTES))
                missing -= some


def _copied(path: Path, joined: wave.Wave_write, missing: int) -> int:
    """Copy at most so many samples; how many are still missing then."""
    descriptor = opened_plain(path)
    if descriptor is None:
        return missing
    with os.fdopen(descriptor, "rb") as file:
        try:
            with wave.open(file, "rb") as heard:
                while missing and (block := heard.readframes(min(missing, _BLOCK_SAMPLES))):
                    joined.writeframes(block)
                    missing -= len(block) // _SAMPLE_BYTES
        except (wave.Error, EOFError):
            return missing
    return missing
