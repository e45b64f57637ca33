"""Makes a recording that lost its index visible again, with what a sibling says of the camera.

Invariants: what is made is marked as recovered, and says what was assumed and from which file; the rate of
pictures is the sibling's, so that no time in it is the recording's own. Whether the sibling fits is never
taken for granted: what was passed over and what could not be decoded is counted.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
from collections.abc import Sequence
from pathlib import Path

from evidence.canonical import Json
from evidence.errors import StageFailed
from evidence.ports.media import Made, Progress
from transcode import products, recovery, recovery_graph, siblings
from transcode.bench import WORKING_DISK_FULL, Bench, Bounds, Program, failure
from transcode.outputs import fresh
from transcode.process import Finished
from transcode.profiles import PROXY, SOFTWARE, Encoder
from transcode.recovery import Recovered
from transcode.runs import ENCODED_BYTES_PER_S, ENCODING_TIME, ffmpeg_version
from transcode.sandbox import INSIDE, Places
from transcode.siblings import Parameters

STREAM_NAME = "stream.h264"
_MEMORY = 4 << 30
_SLACK = 64 << 20
#: Of a thousand steps, how many the search takes.
_SEARCHED = 600


class Recoverer:
    """Recovers the pictures of one recording with one sibling at a time."""

    def __init__(self, bench: Bench, ffmpeg: Program, encoder: Encoder = SOFTWARE) -> None:
        self._bench = bench
        self._ffmpeg = ffmpeg
        self._encoder = encoder

    async def recover(self, original: Path, sibling: Path, workdir: Path, progress: Progress) -> Made:
        """ "recovered": fragmented MP4 in a new directory below `workdir`, with a layout as for "playable".

        Pictures are copied, or encoded where they are not stored in the order in which they are shown. Raises
        StageFailed, final, with code "not-recoverable" where the sibling does not help.
        """
        stream = await asyncio.to_thread(fresh, workdir) / STREAM_NAME
        known, found, sha256 = await asyncio.to_thread(
            _searched, original, sibling, stream, lambda done: progress(done * _SEARCHED // 1000)
        )
        out = await asyncio.to_thread(fresh, workdir)

        def argv(program: str, places: Places) -> Sequence[str]:
            return recovery_graph.recovered_argv(
                program, places, known.frame_rate, encoded=found.reordered, encoder=self._encoder
            )

        finished = await self._bench.run(
            self._ffmpeg,
            argv,
            self._bounds(known, found),
            original=stream,
            out=out,
            on_line=lambda _: None,
        )
        if not finished.worked:
            raise failure(self._ffmpeg, finished)
        if finished.stderr_lines and found.bytes_used < found.bytes_passed_over:
            raise _not_recoverable(
                "Most of this recording cannot be read with what the other recording says of the camera, and "
                "the little that can be read is damaged. Choose a recording of the same camera, made with "
                "the same settings."
            )
        about = await self._provenance(argv("ffmpeg", INSIDE), finished, known, found, sha256)
        made = await asyncio.to_thread(
            products.fragmented_in, out / recovery_graph.RECOVERED_NAME, "recovered", about
        )
        progress(1000)
        return made

    def _bounds(self, known: Parameters, found: Recovered) -> Bounds:
        seconds = found.pictures / float(known.frame_rate)
        wall_s = self._bench.wall_s(found.bytes_used, int(seconds * 1000))
        file_size = 2 * found.bytes_used + _SLACK
        if found.reordered:
            wall_s += seconds * ENCODING_TIME
            file_size += int(seconds * ENCODED_BYTES_PER_S)
        return Bounds(wall_s, _MEMORY, 0, file_size=file_size)

    async def _provenance(
        self, argv: Sequence[str], finished: Finished, known: Parameters, found: Recovered, sha256: str
    ) -> dict[str, Json]:
        return {
            "tool": "ffmpeg",
            "version": await ffmpeg_version(self._bench, self._ffmpeg),
            "arguments": list(argv[1:]),
            "encoded": {"video": found.reordered, "audio": False},
            "profile": PROXY.name if found.reordered else None,
            "errors": finished.stderr_lines,
            "sandboxed": self._bench.sandbox.in_force,
            "recovered": True,
            "assumed": {
                "frame_rate": f"{known.frame_rate.numerator}/{known.frame_rate.denominator}",
                "parameter_sets_from": sha256,
            },
            "pictures": found.pictures,
            "keyframes": found.keyframes,
            "breaks": found.breaks,
            "bytes_used": found.bytes_used,
            "bytes_passed_over": found.bytes_passed_over,
            "searched_to_the_end": found.whole,
            "sound": _sound(known),
        }


def _searched(
    original: Path, sibling: Path, stream: Path, told: Progress
) -> tuple[Parameters, Recovered, str]:
    try:
        with sibling.open("rb") as whole:
            sha256 = hashlib.file_digest(whole, "sha256").hexdigest()
            known = siblings.parameters(whole)
        with original.open("rb") as file, stream.open("xb") as out:
            found = recovery.recover(file, known, out, told)
    except ValueError as error:
        raise _not_recoverable(
            "The other recording does not say what is needed: it has to be a whole MP4 or QuickTime file "
            "with H.264 pictures. Choose another recording of the same camera."
        ) from error
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise StageFailed("no-space", WORKING_DISK_FULL, passes=True) from error
        raise StageFailed(
            "original-unreadable", "The original cannot be read from the store right now. Try again later."
        ) from error
    if not found.pictures:
        raise _not_recoverable(
            "No picture in this recording fits what the other recording says of the camera. Choose a "
            "recording of the same camera, made with the same settings."
        )
    return known, found, sha256


def _not_recoverable(message: str) -> StageFailed:
    return StageFailed("not-recoverable", f"{message} The original is kept as it is.", final=True)


def _sound(known: Parameters) -> str:
    if known.sound is None:
        return "left out: the other recording has none"
    return (
        f"left out: nothing marks where sound ({known.sound.codec}, {known.sound.rate_hz} Hz in the other "
        "recording) begins and ends between the pictures"
    )
