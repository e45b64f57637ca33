"""The command lines of ffprobe and ffmpeg.

Pure. Invariants: every input is a `file:` path of ours with the protocol and format whitelists, and with
a forced demuxer where the content said which; nothing from the file's own metadata enters a command line.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ffmpeg

from transcode.containers import FORMAT_WHITELIST, Container
from transcode.profiles import PROXY, Profile
from transcode.routes import PLAYABLE_ROUTES, Decision
from transcode.sandbox import Places

PLAYABLE_NAME = "playable.mp4"
POSTER_NAME = "poster.jpg"
POSTER_SIDE = 640

#: A fragment of a sound recording; a video is cut at its keyframes.
_AUDIO_FRAGMENT_US = 4_000_000
#: Containers whose AAC has ADTS headers, which MP4 does not hold.
_ADTS_IN = frozenset({"mpegts", "aac", "mpeg"})
# `repeat` prints every repeated line, so that counting lines counts errors.
_LOGLEVEL = "repeat+error"


def _input_options(container: Container | None) -> dict[str, str]:
    options = {"protocol_whitelist": "file", "format_whitelist": FORMAT_WHITELIST}
    if container is not None and container.demuxer is not None:
        options["format"] = container.demuxer
    return options


def _source(places: Places, container: Container | None, **more: Any) -> Any:
    return ffmpeg.input(f"file:{places.original}", **_input_options(container), **more)


def _ffmpeg(program: str, *, progress: bool) -> list[str]:
    argv = [program, "-nostdin", "-hide_banner", "-nostats", "-loglevel", _LOGLEVEL]
    return [*argv, "-progress", "pipe:1"] if progress else argv


def probe_argv(program: str, places: Places, container: Container | None) -> list[str]:
    """ffprobe: version, format, streams with their side data, and chapters, as JSON."""
    options = _input_options(container)
    argv = [program, "-hide_banner", "-loglevel", _LOGLEVEL, "-print_format", "json"]
    argv += ["-show_program_version", "-show_format", "-show_streams", "-show_chapters"]
    if "format" in options:
        argv += ["-f", options.pop("format")]
    for name, value in options.items():
        argv += [f"-{name}", value]
    return [*argv, f"file:{places.original}"]


def read_through_argv(
    program: str, places: Places, container: Container | None, streams: Sequence[int]
) -> list[str]:
    """ffmpeg: read every packet of `streams` and drop it. Tells the real length and counts faults."""
    source = _source(places, container)
    target = ffmpeg.output(*(source[str(index)] for index in streams), "pipe:", format="null", c="copy")
    # The null muxer writes nothing; the name only has to be one that is no file.
    argv: list[str] = ffmpeg.compile(target, cmd=_ffmpeg(program, progress=True))
    return [*argv[:-1], "-"]


def playable_argv(
    program: str, places: Places, container: Container | None, decision: Decision, profile: Profile = PROXY
) -> list[str]:
    """ffmpeg: the shown streams as one fragmented MP4, each copied or encoded as the route says.

    A copied video keeps its rotation as metadata, an encoded one is turned upright; times are kept as they
    are, a variable frame rate included. Raises ValueError for a route that shows nothing.
    """
    video, audio = decision.video, decision.audio
    if decision.route not in PLAYABLE_ROUTES or (video is None and audio is None):
        raise ValueError(f"nothing to play on the route {decision.route}")
    source = _source(places, container)
    shown = []
    options: dict[str, object] = {"format": "mp4", "map_metadata": 0, "write_tmcd": 0}
    if video is not None and decision.encodes_video:
        shown.append(_scaled(source[str(video)], profile.longest_side))
        options |= {
            "c:v": "libx264",
            "preset": profile.preset,
            "bf": profile.b_frames,
            "crf": profile.constant_rate_factor,
            "force_key_frames": f"expr:gte(t,n_forced*{profile.keyframe_every})",
            "fps_mode": "vfr",
            "enc_time_base": "1:90000",
            "video_track_timescale": 90_000,
        }
    elif video is not None:
        shown.append(source[str(video)])
        options["c:v"] = "copy"
    if audio is not None and decision.encodes_audio:
        shown.append(
            source[str(audio)].filter(
                "aformat",
                channel_layouts="|".join(profile.audio_layouts),
                sample_rates="|".join(map(str, profile.audio_sample_rates)),
            )
        )
        options |= {"c:a": "aac", "b:a": profile.audio_rate}
    elif audio is not None:
        shown.append(source[str(audio)])
        options["c:a"] = "copy"
        if container is not None and container.demuxer in _ADTS_IN:
            options["bsf:a"] = "aac_adtstoasc"
    if "bsf:a" in options:
        # What the sound is stands in its first packet, so the header has to wait for that.
        options |= {"movflags": "+empty_moov+delay_moov+default_base_moof", "use_editlist": 0}
    else:
        options["movflags"] = "+empty_moov+default_base_moof"
    if video is not None:
        options["movflags"] = f"{options['movflags']}+frag_keyframe"
    else:
        options["frag_duration"] = _AUDIO_FRAGMENT_US
    target = ffmpeg.output(*shown, f"file:{places.out}/{PLAYABLE_NAME}", **options)
    argv: list[str] = ffmpeg.compile(target, cmd=_ffmpeg(program, progress=True), overwrite_output=True)
    return argv


def _scaled(picture: Any, longest_side: int) -> Any:
    """Square pixels, even sides, none longer than `longest_side`, never enlarged."""
    shown_width = "iw*max(0.25,min(4,sar))"
    factor = f"min(1,{longest_side}/max({shown_width},ih))"
    return (
        picture.filter("scale", f"max(2,2*round({shown_width}*{factor}/2))", f"max(2,2*round(ih*{factor}/2))")
        .filter("setsar", 1)
        .filter("format", "yuv420p")
    )


def poster_argv(
    program: str,
    places: Places,
    container: Container | None,
    *,
    video: int,
    at_ms: int,
    keyframes_only: bool,
) -> list[str]:
    """ffmpeg: the first (key)frame at or after `at_ms` as an upright JPEG of at most 640 pixels a side."""
    more: dict[str, object] = {"threads": 2}
    if at_ms:
        more["ss"] = f"{at_ms // 1000}.{at_ms % 1000:03d}"
    if keyframes_only:
        more["skip_frame"] = "nokey"
    frame = (
        _source(places, container, **more)[str(video)]
        .filter("scale", "iw*max(1,min(4,sar))", "ih*max(1,min(4,1/sar))")
        .filter(
            "scale",
            f"min({POSTER_SIDE},iw)",
            f"min({POSTER_SIDE},ih)",
            force_original_aspect_ratio="decrease",
        )
        .filter("setsar", 1)
        .filter("format", "yuvj420p")
    )
    options: dict[str, object] = {
        "format": "image2",
        "update": 1,
        "c:v": "mjpeg",
        "q:v": 4,
        "frames:v": 1,
        "map_metadata": -1,
        "threads": 1,
    }
    target = ffmpeg.output(frame, f"file:{places.out}/{POSTER_NAME}", **options)
    argv: list[str] = ffmpeg.compile(target, cmd=_ffmpeg(program, progress=False), overwrite_output=True)
    return argv
