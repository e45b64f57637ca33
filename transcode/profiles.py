"""What a recording is encoded as where a browser cannot play its own codecs. Data, no code."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Profile:
    """H.264 and AAC in fragmented MP4. A changed value is a new profile with a name of its own."""

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
