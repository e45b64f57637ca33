"""Command lines: whitelisted, forced, and of fixed shape."""

from __future__ import annotations

import pytest

from transcode.commands import poster_argv, probe_argv, read_through_argv, remux_argv
from transcode.containers import FORMAT_WHITELIST, Container
from transcode.sandbox import INSIDE

_MOV = Container("mov", "mov", "recording")
_TS = Container("mpegts", "mpegts", "recording")


def _after(argv: list[str], option: str) -> list[str]:
    return [argv[at + 1] for at, word in enumerate(argv) if word == option]


@pytest.mark.parametrize("container", [_MOV, None])
def test_every_input_is_whitelisted_and_forced_if_known(container: Container | None) -> None:
    lines = [
        probe_argv("ffprobe", INSIDE, container),
        read_through_argv("ffmpeg", INSIDE, container, [0]),
        remux_argv("ffmpeg", INSIDE, container, video=0, audio=None),
        poster_argv("ffmpeg", INSIDE, container, video=0, at_ms=0, keyframes_only=False),
    ]
    for argv in lines:
        place = argv.index("file:/in/original")
        before = argv[:place]
        assert _after(before, "-format_whitelist") == [FORMAT_WHITELIST]
        assert _after(before, "-protocol_whitelist") == ["file"]
        assert _after(before, "-f") == (["mov"] if container else [])
        assert ("-nostdin" in argv) == (argv[0] == "ffmpeg")


def test_the_remux_maps_the_shown_streams_by_their_index() -> None:
    argv = remux_argv("ffmpeg", INSIDE, _MOV, video=1, audio=0)
    assert _after(argv, "-map") == ["0:1", "0:0"]
    assert _after(argv, "-c") == ["copy"]
    assert _after(argv, "-movflags") == ["+frag_keyframe+empty_moov+default_base_moof"]
    assert "-bsf:a" not in argv
    assert "file:/out/playable.mp4" in argv


def test_sound_alone_is_cut_by_time() -> None:
    argv = remux_argv("ffmpeg", INSIDE, _MOV, video=None, audio=0)
    assert _after(argv, "-frag_duration") == ["4000000"]
    assert "frag_keyframe" not in " ".join(argv)


def test_adts_headers_are_taken_off() -> None:
    assert _after(remux_argv("ffmpeg", INSIDE, _TS, video=0, audio=1), "-bsf:a") == ["aac_adtstoasc"]


def test_the_poster_is_one_small_frame_at_its_time() -> None:
    argv = poster_argv("ffmpeg", INSIDE, _MOV, video=2, at_ms=12_034, keyframes_only=True)
    assert _after(argv, "-ss") == ["12.034"]
    assert _after(argv, "-skip_frame") == ["nokey"]
    assert _after(argv, "-frames:v") == ["1"]
    assert "[0:2]" in _after(argv, "-filter_complex")[0]
    assert "-skip_frame" not in poster_argv("ffmpeg", INSIDE, _MOV, video=0, at_ms=0, keyframes_only=False)


def test_only_long_runs_report_progress() -> None:
    assert "-progress" in remux_argv("ffmpeg", INSIDE, _MOV, video=0, audio=None)
    assert "-progress" not in poster_argv("ffmpeg", INSIDE, _MOV, video=0, at_ms=0, keyframes_only=False)
