"""What a recording is encoded as where a browser cannot play its own codecs, and what is looked for in it.

Data, no code that decides. A changed value is a new profile with a name of its own: renditions name theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Profile:
    """H.264 and AAC in fragmented MP4."""

    name: str
    #: Pixels; a larger picture is scaled down, a smaller one is left alone.
    longest_side: int
    constant_rate_factor: int
    preset: str
    #: 0, since fragments carry no edit list: pictures that are reordered would all be shown late.
    b_frames: int
    #: Seconds: how exactly a player can jump, and how long one fragment is at most.
    keyframe_every: int
    #: Bits a second.
    audio_rate: int
    #: The nearest to the source's is taken.
    audio_layouts: tuple[str, ...]
    #: Samples a second; the nearest to the source's is taken.
    audio_sample_rates: tuple[int, ...]


PROXY = Profile(
    name="proxy-1",
    longest_side=1280,
    constant_rate_factor=26,
    preset="veryfast",
    b_frames=0,
    keyframe_every=2,
    audio_rate=96_000,
    audio_layouts=("mono", "stereo"),
    audio_sample_rates=(8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000),
)


#: What is cut out to be looked at by itself: hardly to be told from the original.
CLIP = Profile(
    name="clip-1",
    longest_side=1920,
    constant_rate_factor=18,
    preset="veryfast",
    b_frames=0,
    keyframe_every=2,
    audio_rate=128_000,
    audio_layouts=("stereo",),
    audio_sample_rates=(48_000,),
)


@dataclass(frozen=True, slots=True)
class Encoder:
    """An H.264 encoder of ffmpeg's, how the profile's quality is said to it, and the devices it needs."""

    name: str
    options: Callable[[Profile], dict[str, object]]
    devices: tuple[str, ...] = ()


SOFTWARE = Encoder("libx264", lambda profile: {"preset": profile.preset, "crf": profile.constant_rate_factor})
#: Tried in this order, each with one frame; the first that works is used (`media.encoder`).
ENCODERS: tuple[Encoder, ...] = (
    Encoder(
        "h264_nvenc",
        lambda profile: {"rc": "vbr", "cq": profile.constant_rate_factor, "b:v": 0, "forced-idr": 1},
        ("/dev/nvidia0", "/dev/nvidiactl", "/dev/nvidia-uvm"),
    ),
    Encoder("h264_qsv", lambda profile: {"global_quality": profile.constant_rate_factor}, ("/dev/dri",)),
    SOFTWARE,
)


@dataclass(frozen=True, slots=True)
class PreviewProfile:
    """What helps to find the way in a recording. Milliseconds, pixels, decibels below full scale."""

    name: str
    poster_side: int
    sprite_columns: int
    sprite_rows: int
    sprite_width: int
    sprite_height: int
    #: The least distance of two pictures in the sprite sheet.
    sprite_every_ms: int
    #: The width at which scenes, black and freezes are looked for.
    marks_width: int
    #: Percent of change between two frames (ffmpeg's scdet).
    scene_threshold: int
    black_ms: int
    freeze_ms: int
    silence_db: int
    silence_ms: int
    #: The shortest stretch that one peak of the waveform stands for, and how many peaks there are at most.
    peak_window_us: int
    peaks: int


PREVIEWS = PreviewProfile(
    name="previews-1",
    poster_side=640,
    sprite_columns=10,
    sprite_rows=10,
    sprite_width=160,
    sprite_height=90,
    sprite_every_ms=2_000,
    marks_width=320,
    scene_threshold=10,
    black_ms=500,
    freeze_ms=2_000,
    silence_db=-50,
    silence_ms=2_000,
    peak_window_us=50_000,
    peaks=4_000,
)
