"""Takes fingerprints that survive re-encoding: PDQ of pictures, chromaprint of the sound.

Invariants: what ffmpeg wrote is only believed as far as its two files agree; a picture with too little in
it gives no mark; the work is bounded by the file's size and measured length, never by what it claims.

PDQ knows a picture again, not a scene: of a moving picture it must be nearly the same instant. Two copies
have keyframes at different instants, so one of the two has to be looked at closely, which means decoding it
(docs/copies.md gives the distances). A recording longer than `closely_up_to_ms` gives its keyframes only.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import ffmpeg
import numpy as np

from evidence.canonical import Json
from evidence.copies import FingerprintKind, Mark
from transcode import pdq
from transcode.bench import Bench, Bounds, Program, failure
from transcode.commands import ffmpeg_argv, input_of
from transcode.containers import Container
from transcode.outputs import opened_plain
from transcode.probe import Inside
from transcode.process import Finished
from transcode.routes import PLAYABLE_ROUTES, decide
from transcode.sandbox import Places

#: A quarter of an hour: what body-worn cameras cut their recordings into, or shorter.
CLOSELY_UP_TO_MS = 900_000
PICTURES_NAME = "pictures.gray"
TIMES_NAME = "times.txt"
SOUND_NAME = "sound.raw"

#: Closely: at 25 and 30 frames a second every third or fourth, so that any instant is within 67 ms of one.
_CLOSE_S = "0.12"
#: Keyframes of cameras that have nothing else are thinned to this.
_SPARSE_S = "0.96"
_PICTURE_BYTES = pdq.SIDE * pdq.SIDE
_BATCH = 1024
#: chromaprint hops 1365 samples at 11,025 a second.
_TERM_US = 1_365 * 1_000_000 // 11_025
_TERM_BYTES = 4
_MEMORY = 4 << 30
#: Seconds of a slow machine for a second of 4K, when every frame is decoded.
_DECODING_TIME = 5
_ASSUMED_LENGTH_MS = 600_000
_SLACK = 1 << 20


def _argv(target: Any, program: str) -> list[str]:
    command = ffmpeg_argv(program, progress=False)
    argv: list[str] = ffmpeg.compile(target, cmd=command, overwrite_output=True)
    return argv


def pictures_argv(
    program: str, places: Places, container: Container | None, *, video: int, closely: bool
) -> list[str]:
    """ffmpeg: upright pictures of 64 by 64 grey values, and beside them the millisecond of each.

    `closely` decodes all but the frames that no other needs, about eight a second; else only keyframes.
    """
    skipped = {"skip_frame": "noref" if closely else "nokey", "skip_loop_filter": "all"}
    since_last = _CLOSE_S if closely else _SPARSE_S
    frames = (
        input_of(places, container, **skipped)[str(video)]
        .filter("select", f"isnan(prev_selected_t)+gte(t-prev_selected_t,{since_last})")
        .filter("scale", pdq.SIDE, pdq.SIDE, flags="area")
        .filter("format", "gray")
        .split()
    )
    kept = {"fps_mode": "passthrough", "enc_time_base": "1:1000"}
    pictures = ffmpeg.output(frames[0], f"file:{places.out}/{PICTURES_NAME}", format="rawvideo", **kept)
    times = ffmpeg.output(frames[1], f"file:{places.out}/{TIMES_NAME}", format="framecrc", **kept)
    return _argv(ffmpeg.merge_outputs(pictures, times), program)


def sound_argv(program: str, places: Places, container: Container | None, *, audio: int) -> list[str]:
    """ffmpeg: chromaprint's terms of the whole sound."""
    target = ffmpeg.output(
        input_of(places, container)[str(audio)],
        f"file:{places.out}/{SOUND_NAME}",
        format="chromaprint",
        fp_format="raw",
        # chromaprint mixes two channels down itself and refuses more.
        ac=1,
    )
    return _argv(target, program)


class Fingerprinter:
    """Takes the fingerprints of one original at a time."""

    def __init__(self, bench: Bench, ffmpeg: Program, closely_up_to_ms: int = CLOSELY_UP_TO_MS) -> None:
        self._bench = bench
        self._ffmpeg = ffmpeg
        self._closely_up_to_ms = closely_up_to_ms

    async def take(
        self, original: Path, inside: Inside, description: Mapping[str, Json], workdir: Path
    ) -> Mapping[FingerprintKind, Sequence[Mark]]:
        """The marks of each kind that the recording has streams for; none where too little is in it.

        A damaged stream gives what could be decoded of it, if only nothing. Raises StageFailed, never final,
        where the machine is at fault.
        """
        decision = decide(_probe_data(description), inside.container)
        taken: dict[FingerprintKind, Sequence[Mark]] = {}
        if description.get("route") not in PLAYABLE_ROUTES:
            return taken
        length = _length(description)
        out = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="marks-", dir=workdir))
        if decision.video is not None:
            taken[FingerprintKind.VIDEO] = await self._pictures(original, inside, decision.video, length, out)
        if decision.audio is not None:
            taken[FingerprintKind.AUDIO] = await self._sound(original, inside, decision.audio, length, out)
        return taken

    async def _pictures(
        self, original: Path, inside: Inside, video: int, length: int | None, out: Path
    ) -> list[Mark]:
        closely = length is not None and length <= self._closely_up_to_ms
        seconds = (_ASSUMED_LENGTH_MS if length is None else length) / 1000
        bounds = Bounds(
            self._bench.wall_s(inside.size, length) + (seconds * _DECODING_TIME if closely else 0),
            _MEMORY,
            0,
            file_size=int(seconds * 9 + 1) * _PICTURE_BYTES + _SLACK,
        )
        finished = await self._bench.run(
            self._ffmpeg,
            lambda program, places: pictures_argv(
                program, places, inside.container, video=video, closely=closely
            ),
            bounds,
            original=original,
            out=out,
        )
        marks = await asyncio.to_thread(_picture_marks, out)
        return _kept(marks, self._ffmpeg, finished)

    async def _sound(
        self, original: Path, inside: Inside, audio: int, length: int | None, out: Path
    ) -> list[Mark]:
        seconds = (_ASSUMED_LENGTH_MS if length is None else length) / 1000
        bounds = Bounds(
            self._bench.wall_s(inside.size, length),
            _MEMORY,
            0,
            file_size=int(seconds * 9) * _TERM_BYTES + _SLACK,
        )
        finished = await self._bench.run(
            self._ffmpeg,
            lambda program, places: sound_argv(program, places, inside.container, audio=audio),
            bounds,
            original=original,
            out=out,
        )
        marks = await asyncio.to_thread(_sound_marks, out / SOUND_NAME)
        return _kept(marks, self._ffmpeg, finished)


def _kept(marks: list[Mark] | None, program: Program, finished: Finished) -> list[Mark]:
    """What was found; a failure only where nothing was and it may be otherwise the next time."""
    if marks is not None:
        return marks
    if not finished.worked and not (fault := failure(program, finished)).final:
        raise fault
    # Sound of less than three seconds, or none of it can be decoded.
    return []


def _probe_data(description: Mapping[str, Json]) -> Json:
    report = description.get("probe")
    return report.get("data") if isinstance(report, Mapping) else None


def _length(description: Mapping[str, Json]) -> int | None:
    length = description.get("duration_ms")
    return length if isinstance(length, int) and length > 0 else None


def _opened(path: Path) -> BinaryIO | None:
    """`path` if it is a plain file with something in it."""
    descriptor = opened_plain(path)
    if descriptor is None:
        return None
    if not os.fstat(descriptor).st_size:
        os.close(descriptor)
        return None
    return os.fdopen(descriptor, "rb")


def times_of(report: bytes) -> list[int]:
    """The milliseconds in ffmpeg's framecrc report, up to the first line that does not go on in time."""
    times: list[int] = []
    for line in report.splitlines():
        fields = line.split(b",")
        if line.startswith(b"#"):
            continue
        if len(fields) < 3 or not fields[2].strip().isdigit():
            break
        at_ms = int(fields[2])
        if at_ms >= 1 << 32 or (times and at_ms <= times[-1]):
            break
        times.append(at_ms)
    return times


def _picture_marks(out: Path) -> list[Mark] | None:
    report, pictures = _opened(out / TIMES_NAME), _opened(out / PICTURES_NAME)
    marks: list[Mark] = []
    try:
        if report is None or pictures is None:
            return None
        times = times_of(report.read())
        for start in range(0, len(times), _BATCH):
            data = pictures.read(_BATCH * _PICTURE_BYTES)
            whole = len(data) // _PICTURE_BYTES
            batch = np.frombuffer(data, np.uint8, whole * _PICTURE_BYTES).reshape(whole, pdq.SIDE, pdq.SIDE)
            rows = zip(times[start : start + whole], pdq.hashes(batch), pdq.qualities(batch), strict=False)
            marks += [Mark(at, row.tobytes()) for at, row, quality in rows if quality >= pdq.LEAST_QUALITY]
        return marks
    finally:
        for file in (report, pictures):
            if file is not None:
                file.close()


def _sound_marks(path: Path) -> list[Mark] | None:
    file = _opened(path)
    if file is None:
        return None
    with file:
        data = file.read()
    # ffmpeg writes the terms in the machine's own byte order; in a mark they are big endian everywhere.
    terms = np.frombuffer(data, np.uint32, len(data) // _TERM_BYTES).astype(">u4")
    return [Mark(index * _TERM_US // 1000, term.tobytes()) for index, term in enumerate(terms)]
