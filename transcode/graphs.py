"""The one ffmpeg command that makes everything that one decode can give.

Pure: what is wanted goes in, an argv comes out. Every output lies in the directory that the sandbox lets
ffmpeg write, under a name from here. What filters find is printed into text files for
`transcode.findings`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import ffmpeg

from transcode.commands import ffmpeg_argv, input_of
from transcode.containers import Container
from transcode.profiles import PREVIEWS, PROXY, Encoder, PreviewProfile, Profile
from transcode.routes import Decision, Track
from transcode.sandbox import Places

PLAYABLE_NAME = "playable.mp4"
POSTER_NAME = "poster.jpg"
SPRITE_NAME = "sprite.jpg"
#: What filters print, by the names that `transcode.findings` knows.
PRINTED = (
    "scenes", "black-starts", "black-ends", "freeze-starts", "freeze-ends", "sprite-times",
    "silence-starts", "silence-ends", "loudness", "peaks",
)  # fmt: skip

#: A fragment of a sound recording; a video is cut at its keyframes.
_AUDIO_FRAGMENT_US = 4_000_000
#: Containers whose AAC has ADTS headers, which MP4 does not hold.
_ADTS_IN = frozenset({"mpegts", "aac", "mpeg"})


def track_name(index: int) -> str:
    """The file of a stream that is not shown at first."""
    return f"track-{index}.mp4"


def printed_name(what: str) -> str:
    """The file into which filters print `what`."""
    return f"{what}.txt"


@dataclass(frozen=True, slots=True)
class Previews:
    """What to look and listen for. `every_frame` False: pictures from keyframes alone."""

    video: int | None
    audio: int | None
    length_ms: int | None
    every_frame: bool
    profile: PreviewProfile = field(default=PREVIEWS)

    @property
    def poster_at_ms(self) -> int:
        """A tenth into the recording: past the hand over the lens."""
        return (self.length_ms or 0) // 10

    @property
    def sprite_every_ms(self) -> int:
        """The distance of pictures in the sprite sheet, so that all of them fit."""
        fits = self.profile.sprite_columns * self.profile.sprite_rows
        return max(self.profile.sprite_every_ms, -(-(self.length_ms or 0) // fits))

    @property
    def sprite_rows(self) -> int:
        """As many rows as the recording's length can fill, where it is known."""
        if self.length_ms is None:
            return self.profile.sprite_rows
        pictures = self.length_ms // self.sprite_every_ms + 1
        return min(self.profile.sprite_rows, -(-pictures // self.profile.sprite_columns))

    @property
    def peak_window_us(self) -> int:
        """How long each peak of the waveform stands for."""
        return max(self.profile.peak_window_us, (self.length_ms or 0) * 1000 // self.profile.peaks)


def make_argv(
    program: str,
    places: Places,
    container: Container | None,
    *,
    decision: Decision | None,
    previews: Previews | None,
    encoder: Encoder,
    audio_rate_hz: int = 48_000,
    profile: Profile = PROXY,
) -> list[str]:
    """ffmpeg: the shown streams and further tracks of `decision`, and what `previews` asks for.

    A copied video keeps its rotation as metadata, an encoded one is turned upright; times are kept as they
    are, a variable frame rate included. Raises ValueError where nothing at all is asked for.
    """
    more: dict[str, Any] = {}
    if previews is not None and not previews.every_frame and previews.video is not None:
        more["skip_frame:v"] = "nokey"
    source = input_of(places, container, **more)
    outputs: list[Any] = []
    if decision is not None:
        outputs += _shown(source, places, container, decision, encoder, profile)
    if previews is not None:
        outputs += _previewed(source, places, previews, audio_rate_hz)
    if not outputs:
        raise ValueError("nothing is asked for")
    argv: list[str] = ffmpeg.compile(
        ffmpeg.merge_outputs(*outputs), cmd=ffmpeg_argv(program, progress=True), overwrite_output=True
    )
    return argv


def track_argv(
    program: str,
    places: Places,
    container: Container | None,
    decision: Decision,
    track: Track,
    encoder: Encoder,
    profile: Profile = PROXY,
) -> list[str]:
    """ffmpeg: one further track of `decision` alone."""
    sound = None if decision.audio is None else (decision.audio, not decision.encodes_audio)
    source = input_of(places, container)
    argv: list[str] = ffmpeg.compile(
        _track(source, places, container, track, sound, encoder, profile),
        cmd=ffmpeg_argv(program, progress=True),
        overwrite_output=True,
    )
    return argv


def _shown(
    source: Any,
    places: Places,
    container: Container | None,
    decision: Decision,
    encoder: Encoder,
    profile: Profile,
) -> list[Any]:
    sound = None if decision.audio is None else (decision.audio, not decision.encodes_audio)
    picture = None if decision.video is None else (decision.video, not decision.encodes_video)
    outputs = []
    if sound is not None or picture is not None:
        outputs.append(fragmented(source, places, PLAYABLE_NAME, container, picture, sound, encoder, profile))
    for track in decision.tracks:
        outputs.append(_track(source, places, container, track, sound, encoder, profile))
    return outputs


def _track(
    source: Any,
    places: Places,
    container: Container | None,
    track: Track,
    sound: tuple[int, bool] | None,
    encoder: Encoder,
    profile: Profile,
) -> Any:
    """A further picture with the sound that is shown, or a further sound alone."""
    own = (track.index, track.copied)
    picture, heard = (own, sound) if track.kind == "video" else (None, own)
    return fragmented(source, places, track_name(track.index), container, picture, heard, encoder, profile)


def fragmented(
    source: Any,
    places: Places,
    name: str,
    container: Container | None,
    picture: tuple[int, bool] | None,
    sound: tuple[int, bool] | None,
    encoder: Encoder,
    profile: Profile,
    *,
    absolute: bool = False,
    more: Mapping[str, object] = MappingProxyType({}),
) -> Any:
    """One fragmented MP4 of at most one picture and one sound, each (stream, whether it is copied).

    With `absolute` fragments say the times that the packets have, else they count from zero. `more` are
    further output options, which go before those from here.
    """
    options: dict[str, object] = {"format": "mp4", "map_metadata": 0, "write_tmcd": 0}
    streams: list[Any] = []
    if picture is not None:
        stream = source[str(picture[0])]
        streams.append(stream if picture[1] else scaled(stream, profile.longest_side))
        options |= {"c:v": "copy"} if picture[1] else _video_options(encoder, profile)
    if sound is not None:
        stream = source[str(sound[0])]
        streams.append(stream if sound[1] else _resampled(stream, profile))
        options |= {"c:a": "copy"} if sound[1] else {"c:a": "aac", "b:a": profile.audio_rate}
    if sound is not None and sound[1] and container is not None and container.demuxer in _ADTS_IN:
        # What the sound is stands in its first packet, so the header has to wait for that.
        options |= {"bsf:a": "aac_adtstoasc", "use_editlist": 0}
        options["movflags"] = "+empty_moov+delay_moov+default_base_moof"
    else:
        options["movflags"] = "+empty_moov+default_base_moof"
    if picture is not None:
        options["movflags"] = f"{options['movflags']}+frag_keyframe"
    else:
        options["frag_duration"] = _AUDIO_FRAGMENT_US
    if absolute:
        options |= {"movflags": f"{options['movflags']}+frag_discont", "use_editlist": 1}
    return ffmpeg.output(*streams, f"file:{places.out}/{name}", **(options | dict(more)))


def _video_options(encoder: Encoder, profile: Profile) -> dict[str, object]:
    return {
        "c:v": encoder.name,
        **encoder.options(profile),
        "bf": profile.b_frames,
        "force_key_frames": f"expr:gte(t,n_forced*{profile.keyframe_every})",
        "fps_mode": "vfr",
        "enc_time_base": "1:90000",
        "video_track_timescale": 90_000,
    }


def _resampled(sound: Any, profile: Profile) -> Any:
    return sound.filter(
        "aformat",
        channel_layouts="|".join(profile.audio_layouts),
        sample_rates="|".join(map(str, profile.audio_sample_rates)),
    )


def scaled(picture: Any, longest_side: int) -> Any:
    """Square pixels, even sides, none longer than `longest_side`, never enlarged."""
    shown_width = "iw*max(0.25,min(4,sar))"
    factor = f"min(1,{longest_side}/max({shown_width},ih))"
    return (
        picture.filter("scale", f"max(2,2*round({shown_width}*{factor}/2))", f"max(2,2*round(ih*{factor}/2))")
        .filter("setsar", 1)
        .filter("format", "yuv420p")
    )


def poster_frame(picture: Any, longest_side: int) -> Any:
    """An upright picture of square pixels for a JPEG of at most `longest_side` a side."""
    return (
        picture.filter("scale", "iw*max(1,min(4,sar))", "ih*max(1,min(4,1/sar))")
        .filter(
            "scale",
            f"min({longest_side},iw)",
            f"min({longest_side},ih)",
            force_original_aspect_ratio="decrease",
        )
        .filter("setsar", 1)
        .filter("format", "yuvj420p")
    )


def jpeg_options() -> dict[str, object]:
    """One JPEG, and nothing of the recording's own metadata in it."""
    return {
        "format": "image2",
        "update": 1,
        "c:v": "mjpeg",
        "q:v": 4,
        "frames:v": 1,
        "map_metadata": -1,
        "threads": 1,
    }


def poster_argv(
    program: str,
    places: Places,
    container: Container | None,
    *,
    video: int,
    at_ms: int,
) -> list[str]:
    """ffmpeg: the first frame at or after `at_ms` as an upright JPEG of at most 640 pixels a side."""
    more: dict[str, object] = {"threads": 2}
    if at_ms:
        more["ss"] = _seconds(at_ms)
    frame = poster_frame(input_of(places, container, **more)[str(video)], PREVIEWS.poster_side)
    target = ffmpeg.output(frame, f"file:{places.out}/{POSTER_NAME}", **jpeg_options())
    argv: list[str] = ffmpeg.compile(target, cmd=ffmpeg_argv(program, progress=False), overwrite_output=True)
    return argv


def _previewed(source: Any, places: Places, previews: Previews, audio_rate_hz: int) -> list[Any]:
    outputs: list[Any] = []
    if previews.video is not None:
        outputs += _pictures(source[str(previews.video)], places, previews)
    if previews.audio is not None:
        outputs += _sounds(source[str(previews.audio)], places, previews, audio_rate_hz)
    return outputs


def _printing(stream: Any, places: Places, prints: Sequence[tuple[str, str]], kind: str = "metadata") -> Any:
    for key, what in prints:
        stream = stream.filter(
            kind, mode="print", key=f"lavfi.{key}", file=f"{places.out}/{printed_name(what)}"
        )
    return stream


def nowhere(stream: Any) -> Any:
    """An output that only has the stream decoded."""
    return ffmpeg.output(stream, "-", format="null")


def _pictures(picture: Any, places: Places, previews: Previews) -> list[Any]:
    profile = previews.profile
    poster = poster_frame(
        picture.filter("select", f"gte(t,{_seconds(previews.poster_at_ms)})"), profile.poster_side
    )
    narrow = picture.filter("scale", profile.marks_width, -2)
    both = narrow.filter("scdet", threshold=profile.scene_threshold).filter_multi_output("split", 2)
    for_marks, for_sprite = both[0], both[1]
    marks = for_marks.filter("blackdetect", d=_seconds(profile.black_ms))
    prints = [("scd.time", "scenes"), ("black_start", "black-starts"), ("black_end", "black-ends")]
    if previews.every_frame:
        # Keyframes lie seconds apart: two that are equal say nothing of what was between them.
        marks = marks.filter("freezedetect", d=_seconds(profile.freeze_ms))
        prints += [
            ("freezedetect.freeze_start", "freeze-starts"),
            ("freezedetect.freeze_end", "freeze-ends"),
        ]
    every = _seconds(previews.sprite_every_ms)
    # scdet marks every frame, so that this prints the time of each picture in the sheet.
    sprite = _printing(
        for_sprite.filter("select", f"isnan(prev_selected_t)+gte(t-prev_selected_t,{every})"),
        places,
        [("scd.mafd", "sprite-times")],
    )
    size = (profile.sprite_width, profile.sprite_height)
    sheet = (
        sprite.filter("scale", *size, force_original_aspect_ratio="decrease")
        .filter("pad", *size, -1, -1)
        .filter("setsar", 1)
        .filter("tile", f"{profile.sprite_columns}x{previews.sprite_rows}")
        .filter("format", "yuvj420p")
    )
    return [
        ffmpeg.output(poster, f"file:{places.out}/{POSTER_NAME}", **jpeg_options()),
        ffmpeg.output(sheet, f"file:{places.out}/{SPRITE_NAME}", **jpeg_options()),
        nowhere(_printing(marks, places, prints)),
    ]


def _sounds(sound: Any, places: Places, previews: Previews, rate_hz: int) -> list[Any]:
    profile = previews.profile
    heard = sound.filter_multi_output("asplit", 3)
    # ebur128 speaks ten times a second; what it says once a second is enough.
    loud = heard[0].filter("ebur128", metadata=1).filter("aselect", "not(mod(n,10))")
    silent = heard[1].filter("silencedetect", n=f"{profile.silence_db}dB", d=_seconds(profile.silence_ms))
    window = max(1, rate_hz * previews.peak_window_us // 1_000_000)
    high = (
        heard[2]
        .filter("asetnsamples", n=window, p=0)
        .filter(
            "astats",
            metadata=1,
            reset=1,
            measure_perchannel="none",
            measure_overall="Peak_level",
        )
    )
    return [
        nowhere(_printing(stream, places, prints, "ametadata"))
        for stream, prints in (
            (loud, [("r128.I", "loudness")]),
            (silent, [("silence_start", "silence-starts"), ("silence_end", "silence-ends")]),
            (high, [("astats.Overall.Peak_level", "peaks")]),
        )
    ]


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds // 1000}.{milliseconds % 1000:03d}"
