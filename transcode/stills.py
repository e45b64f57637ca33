"""Takes a still: exactly the frame that is shown at a time, out of the original, whole and lossless.

Invariants: the frame is named by its own presentation time in the original, which is looked up in the
original's packets and stands in what ffmpeg calls the file; a still that cannot be tied to one frame is
not taken. Nothing is scaled; the picture is turned upright as the recording says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ffmpeg
from PIL import Image

from evidence.canonical import Json
from evidence.errors import StageFailed
from evidence.ports.media import Made
from transcode.bench import Bench, Bounds, Program, failure
from transcode.commands import ffmpeg_argv, input_of
from transcode.containers import Container
from transcode.outputs import fresh, opened_plain
from transcode.presentation import on_screen
from transcode.probe import Inside
from transcode.proving import Prover
from transcode.routes import Decision
from transcode.sandbox import INSIDE, Places

_MEMORY = 4 << 30
_PNG_BYTES = 256 << 20
#: Transport streams are sought by guessing: this far before the keyframe is early enough.
_BACK_S = 5
#: Seconds of a slow machine for a second of 4K, when everything before the frame has to be decoded.
_DECODING_TIME = 5


def still_kind(shown_us: int) -> str:
    """What the rendition is called among those of its item."""
    return f"still-{shown_us}"


def still_argv(
    program: str,
    places: Places,
    container: Container | None,
    *,
    video: int,
    tick: int,
    from_s: int | None,
) -> list[str]:
    """ffmpeg: the one frame whose presentation time is `tick`, as a PNG that is called by it.

    Decoding begins at a keyframe before `from_s`, or with the first frame.
    """
    more: dict[str, Any] = {"copyts": None}
    if from_s is not None:
        more |= {"seek_timestamp": 1, "noaccurate_seek": None, "ss": from_s}
    frame = input_of(places, container, **more)[str(video)].filter("select", f"eq(pts,{tick})")
    target = ffmpeg.output(
        frame,
        f"file:{places.out}/still-%d.png",
        **{"format": "image2", "frame_pts": 1, "frames:v": 1, "fps_mode": "passthrough", "enc_time_base": -1},
    )
    argv: list[str] = ffmpeg.compile(target, cmd=ffmpeg_argv(program, progress=False), overwrite_output=True)
    return argv


class StillTaker:
    """`MediaTools.make_still`."""

    def __init__(self, bench: Bench, ffmpeg: Program, prover: Prover) -> None:
        self._bench = bench
        self._ffmpeg = ffmpeg
        self._prover = prover

    async def take(
        self,
        original: Path,
        inside: Inside,
        decision: Decision,
        presentation: Mapping[str, Json],
        shown_us: int,
        workdir: Path,
    ) -> Made:
        """The still of what is shown at `shown_us`; see the port."""
        video = decision.video
        shown_map = presentation.get("map")
        if video is None or presentation.get("map_of") != video or not isinstance(shown_map, Mapping):
            raise StageFailed(
                "no-picture", "There is no picture in this item to take a still of.", final=True
            )
        times = await self._prover.times(original, inside, video, workdir)
        tick = None if times is None else on_screen(shown_map, times, shown_us)
        if times is None or tick is None:
            raise StageFailed("no-frame", "No frame of the recording is shown at that time.", final=True)
        start_s = max(times.micros(tick), 0) // 1_000_000 - _BACK_S
        for from_s in (start_s if start_s > 0 else None, None):

            def argv(program: str, places: Places, from_s: int | None = from_s) -> Sequence[str]:
                return still_argv(program, places, inside.container, video=video, tick=tick, from_s=from_s)

            wall_s = self._bench.wall_s(inside.size) + times.micros(tick) / 1e6 * _DECODING_TIME
            out = await asyncio.to_thread(fresh, workdir)
            finished = await self._bench.run(
                self._ffmpeg,
                argv,
                Bounds(wall_s, _MEMORY, 0, file_size=_PNG_BYTES),
                original=original,
                out=out,
            )
            path = out / f"still-{tick}.png"
            size = await asyncio.to_thread(_png_size, path)
            if size is not None:
                break
        else:
            if not finished.worked:
                raise failure(self._ffmpeg, finished)
            raise StageFailed("no-frame", "The frame at that time cannot be decoded.", final=True)
        cited: dict[str, Json] = {
            "stream": video,
            "original_tick": tick,
            "time_base": [times.numerator, times.denominator],
            "shown_us": shown_us,
        }
        provenance: dict[str, Json] = {
            "tool": "ffmpeg",
            "arguments": list(argv("ffmpeg", INSIDE)[1:]),
            "errors": finished.stderr_lines,
            "sandboxed": self._bench.sandbox.in_force,
            **cited,
        }
        layout: dict[str, Json] = {"width": size[0], "height": size[1], **cited}
        named = path.rename(out / "still.png")
        return Made(still_kind(shown_us), named, "image/png", provenance, layout)


def _png_size(path: Path) -> tuple[int, int] | None:
    """Width and height of the PNG that our own ffmpeg wrote, from its header."""
    descriptor = opened_plain(path)
    if descriptor is None:
        return None
    try:
        with open(descriptor, "rb") as file, Image.open(file, formats=["PNG"]) as image:  # noqa: PTH123
            return image.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
