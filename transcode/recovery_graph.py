"""The command that puts a recovered H.264 stream into fragmented MP4. Pure."""

from __future__ import annotations

from fractions import Fraction

import ffmpeg

from transcode.commands import ffmpeg_argv
from transcode.graphs import fragmented, nowhere
from transcode.profiles import PROXY, Encoder, Profile
from transcode.sandbox import Places

RECOVERED_NAME = "recovered.mp4"
#: A track's clock has at least so many ticks a second.
_FINE_TICKS = 10_000


def recovered_argv(
    program: str, places: Places, rate: Fraction, *, encoded: bool, encoder: Encoder, profile: Profile = PROXY
) -> list[str]:
    """ffmpeg: an H.264 stream in fragmented MP4, each picture as long as `rate` says.

    A stream holds no times: it may be copied only if its pictures are stored as they are shown. What is
    copied has its keyframes decoded beside it, so that errors are counted.
    """
    more = {} if encoded else {"skip_frame:v": "nokey"}
    source = ffmpeg.input(
        f"file:{places.original}",
        protocol_whitelist="file",
        format_whitelist="h264",
        format="h264",
        r=f"{rate.numerator}/{rate.denominator}",
        **more,
    )
    timed: dict[str, object] = {}
    if not encoded:
        # Else the stream's own claim of a rate comes first, and a picture is counted in whole microseconds.
        finer = -(-_FINE_TICKS // rate.numerator)
        ticks = rate.denominator * finer
        timed["video_track_timescale"] = rate.numerator * finer
        timed["bsf:v"] = f"setts=ts=N*{ticks}:duration={ticks}"
    shown = source["0"]
    if encoded:
        each = f"{rate.denominator}/{rate.numerator}"
        shown = shown.filter("settb", "1/90000").filter("setpts", f"round(N*{each}/TB)")
    picture = (0, not encoded)
    outputs = [
        fragmented({"0": shown}, places, RECOVERED_NAME, None, picture, None, encoder, profile, more=timed)
    ]
    if not encoded:
        outputs.append(nowhere(source["0"]))
    argv: list[str] = ffmpeg.compile(
        ffmpeg.merge_outputs(*outputs), cmd=ffmpeg_argv(program, progress=True), overwrite_output=True
    )
    return argv
