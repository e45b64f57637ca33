"""The commands that cut a clip: one for each source, and one that puts them together. Pure.

The picture of a source is cut by its frames' presentation times in the original, encoded, and says the times
that it has in the clip, so that the pieces can be put behind each other byte by byte. Its sound is written as
plain samples, cut at the same times: sound that is encoded in pieces would drift.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ffmpeg

from transcode.commands import ffmpeg_argv, input_of
from transcode.containers import Container
from transcode.graphs import fragmented
from transcode.presentation import Times
from transcode.profiles import CLIP, SOFTWARE, Profile
from transcode.sandbox import Places

PIECE_NAME = "piece.mp4"
#: The presentation times of the frames that were taken.
TAKEN_NAME = "taken.txt"
SOUND_NAME = "sound.wav"
PICTURE_NAME = "picture.mp4"
CLIP_NAME = "clip.mp4"
RATE_HZ = 48_000
CHANNELS = 2
#: Ticks a second of every encoded picture.
TIMESCALE = 90_000


@dataclass(frozen=True, slots=True)
class Cut:
    """One source's frames: ticks of the stream that is cut by, the last one included.

    `starts_us` and `ends_us`: the same on the container's time, up to where the next frame would begin.
    """

    first: int
    last: int
    starts_us: int
    ends_us: int

    @property
    def length_us(self) -> int:
        """How long it plays."""
        return self.ends_us - self.starts_us


def piece_argv(
    program: str,
    places: Places,
    container: Container | None,
    cut: Cut,
    clock: Times,
    *,
    video: int | None,
    audio: int | None,
    size: tuple[int, int] | None,
    at_us: int,
    from_s: int | None,
    profile: Profile = CLIP,
) -> list[str]:
    """ffmpeg: one source, whose frames' times are in ticks of `clock`.

    Its picture, of `size`, begins at `at_us` of the clip. Decoding begins at a keyframe before `from_s`, or
    with the first frame.
    """
    more: dict[str, Any] = {"copyts": None}
    if from_s is not None:
        more |= {"seek_timestamp": 1, "noaccurate_seek": None, "ss": from_s}
    source = input_of(places, container, **more)
    outputs: list[Any] = []
    if video is not None:
        assert size is not None
        taken = source[str(video)].filter("trim", start_pts=cut.first, end_pts=cut.last + 1)
        both = taken.filter_multi_output("split", 2)
        picture = (
            _fitted(both[0], size)
            .filter("setpts", f"PTS-{cut.first}")
            .filter("settb", f"1/{TIMESCALE}")
            .filter("setpts", f"PTS+{at_us * TIMESCALE // 1_000_000}")
        )
        outputs.append(
            fragmented(
                {str(video): picture},
                places,
                PIECE_NAME,
                None,
                (video, False),
                None,
                SOFTWARE,
                profile,
                absolute=True,
                # What differs with a source's rate would be another header for each piece.
                more={"level": "4.2"},
            )
        )
        outputs.append(
            ffmpeg.output(
                both[1].filter("scale", 16, 16),
                f"file:{places.out}/{TAKEN_NAME}",
                format="framecrc",
                fps_mode="passthrough",
                # Of a picture that goes two ways ffmpeg does not know whose clock it is.
                enc_time_base=f"{clock.numerator}:{clock.denominator}",
            )
        )
    if audio is not None:
        begins, ends = _seconds(cut.starts_us), _seconds(cut.ends_us)
        heard = (
            source[str(audio)]
            .filter("atrim", start=begins, end=ends)
            .filter("asetpts", f"PTS-{begins}/TB")
            .filter("aformat", sample_fmts="s16", sample_rates=RATE_HZ, channel_layouts="stereo")
            # Silence where the sound begins late or has a hole, so that it stays beside its picture.
            .filter("aresample", **{"async": 1, "min_hard_comp": "0.04", "first_pts": 0})
        )
        outputs.append(
            ffmpeg.output(
                heard, f"file:{places.out}/{SOUND_NAME}", format="wav", **{"c:a": "pcm_s16le"}, bitexact=None
            )
        )
    return _compiled(program, *outputs)


def clip_argv(
    program: str,
    places: Places,
    *,
    ends: int | None,
    sound: bool,
    profile: Profile = CLIP,
) -> list[str]:
    """ffmpeg: picture and sound that lie in the output directory, in one MP4 that begins with its index.

    `ends` is the picture's tick at which its last frame ends; None: there is no picture.
    """
    streams: list[Any] = []
    options: dict[str, Any] = {"format": "mp4", "movflags": "+faststart", "map_metadata": -1, "write_tmcd": 0}
    own: dict[str, Any] = {"protocol_whitelist": "file"}
    if ends is not None:
        picture = ffmpeg.input(
            f"file:{places.out}/{PICTURE_NAME}", format_whitelist="mov", format="mov", copyts=None, **own
        )
        streams.append(picture["v:0"])
        options |= {"c:v": "copy", "bsf:v": f"setts=duration={ends}-PTS", "video_track_timescale": TIMESCALE}
    if sound:
        heard = ffmpeg.input(f"file:{places.out}/{SOUND_NAME}", format_whitelist="wav", format="wav", **own)
        streams.append(heard["a:0"])
        options |= {"c:a": "aac", "b:a": profile.audio_rate}
    return _compiled(program, ffmpeg.output(*streams, f"file:{places.out}/{CLIP_NAME}", **options))


def _fitted(picture: Any, size: tuple[int, int]) -> Any:
    """Square pixels in that frame, black beside them where the shape is another."""
    return (
        picture.filter("scale", "iw*max(0.25,min(4,sar))", "ih")
        .filter("scale", *size, force_original_aspect_ratio="decrease")
        .filter("pad", *size, -1, -1)
        .filter("setsar", 1)
        .filter("format", "yuv420p")
    )


def _compiled(program: str, *outputs: Any) -> list[str]:
    argv: list[str] = ffmpeg.compile(
        ffmpeg.merge_outputs(*outputs), cmd=ffmpeg_argv(program, progress=True), overwrite_output=True
    )
    return argv


def _seconds(micros: int) -> str:
    whole, rest = divmod(abs(micros), 1_000_000)
    return f"{'-' if micros < 0 else ''}{whole}.{rest:06d}"
