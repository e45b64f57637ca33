"""The commands that make a long recording playable in parts, and join them. Pure.

Every part keeps the times of the whole, counted from where the recording begins (`-copyts -itsoffset`), and
its fragments say them, so that parts can be played one after the other before they are joined. ffmpeg's own
choice of a beginning depends on the streams that a command reads, so each is told. What is joined goes the
way of a copy made in one go: its sound comes from the original once more, so that both have the same times.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ffmpeg

from transcode.commands import ffmpeg_argv, input_of
from transcode.containers import Container
from transcode.graphs import PLAYABLE_NAME, fragmented
from transcode.parts import Clock, Stretch
from transcode.profiles import PROXY, Encoder, Profile
from transcode.routes import Decision
from transcode.sandbox import Places

PART_NAME = "part.mp4"
#: The first frame that was decoded: proof that decoding began before the stretch.
ENTRY_NAME = "entry.txt"
#: All parts of the picture one after the other.
PICTURE_NAME = "picture.mp4"
#: Stands for no stream of the original.
_PICTURE = "-1"


def _counted_by(clock: Clock) -> Mapping[str, Any]:
    return {"copyts": None, "itsoffset": _seconds(-clock.told_us)}


def picture_argv(
    program: str,
    places: Places,
    container: Container | None,
    stretch: Stretch,
    *,
    clock: Clock,
    video: int,
    encoder: Encoder,
    profile: Profile = PROXY,
) -> list[str]:
    """ffmpeg: one stretch of the picture, encoded; `clock` is the picture's."""
    more = dict(_counted_by(clock))
    if stretch.seek_us is not None:
        at = _seconds(clock.begins_us + stretch.seek_us)
        more |= {"noaccurate_seek": None, "seek_timestamp": 1, "ss": at}
    both = input_of(places, container, **more)[str(video)].filter_multi_output("split", 2)
    ends = {
        name: tick
        for name, tick in (("start_pts", stretch.begins), ("end_pts", stretch.ends))
        if tick is not None
    }
    part = fragmented(
        {str(video): both[0].filter("trim", **ends)},
        places,
        PART_NAME,
        None,
        (video, False),
        None,
        encoder,
        profile,
        absolute=True,
    )
    entry = ffmpeg.output(
        both[1].filter("trim", end_frame=1).filter("scale", 16, 16),
        f"file:{places.out}/{ENTRY_NAME}",
        format="framecrc",
        fps_mode="passthrough",
        enc_time_base=-1,
    )
    return _compiled(program, part, entry)


def sound_argv(
    program: str,
    places: Places,
    container: Container | None,
    decision: Decision,
    encoder: Encoder,
    *,
    clock: Clock,
    profile: Profile = PROXY,
) -> list[str]:
    """ffmpeg: the whole sound that is shown, copied or encoded; `clock` is the sound's."""
    assert decision.audio is not None
    source = input_of(places, container, **_counted_by(clock))
    sound = (decision.audio, not decision.encodes_audio)
    return _compiled(
        program,
        fragmented(
            source,
            places,
            PART_NAME,
            container,
            None,
            sound,
            encoder,
            profile,
            absolute=True,
            # An encoder's run-up lies before zero, where a fragment's time cannot lie.
            more={"avoid_negative_ts": "make_non_negative"},
        ),
    )


def joined_argv(
    program: str,
    places: Places,
    container: Container | None,
    decision: Decision,
    encoder: Encoder,
    *,
    clock: Clock,
    ends: int,
    profile: Profile = PROXY,
) -> list[str]:
    """ffmpeg: the picture that lies in the output directory, with the original's sound, whose is `clock`.

    `ends` is the picture's tick at which its last frame ends: ffmpeg forgets it and guesses by the mean rate.
    """
    sound = None if decision.audio is None else (decision.audio, not decision.encodes_audio)
    picture = ffmpeg.input(
        f"file:{places.out}/{PICTURE_NAME}",
        protocol_whitelist="file",
        format_whitelist="mov",
        format="mov",
        copyts=None,
    )
    streams = {_PICTURE: picture["v:0"]}
    if sound is not None:
        original = input_of(places, container, **_counted_by(clock))
        streams[str(sound[0])] = original[str(sound[0])]
    joined = fragmented(
        streams,
        places,
        PLAYABLE_NAME,
        container,
        (int(_PICTURE), True),
        sound,
        encoder,
        profile,
        more={"bsf:v": f"setts=duration={ends}-PTS"},
    )
    return _compiled(program, joined)


def _compiled(program: str, *outputs: Any) -> list[str]:
    argv: list[str] = ffmpeg.compile(
        ffmpeg.merge_outputs(*outputs), cmd=ffmpeg_argv(program, progress=True), overwrite_output=True
    )
    return argv


def _seconds(micros: int) -> str:
    whole, rest = divmod(abs(micros), 1_000_000)
    return f"{'-' if micros < 0 else ''}{whole}.{rest:06d}"
