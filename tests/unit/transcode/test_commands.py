"""Command lines: whitelisted, forced, and of fixed shape."""

from __future__ import annotations

from dataclasses import replace

import pytest

from transcode.commands import probe_argv, read_through_argv
from transcode.containers import FORMAT_WHITELIST, Container
from transcode.graphs import Previews, make_argv, poster_argv
from transcode.profiles import SOFTWARE
from transcode.routes import Decision, Route, Track
from transcode.sandbox import INSIDE

_MOV = Container("mov", "mov", "recording")
_TS = Container("mpegts", "mpegts", "recording")


def _shown(route: Route, video: int | None, audio: int | None, *, aac: bool = True) -> Decision:
    return Decision(route, "for a test", video, audio, audio is not None and aac)


def _playable(container: Container | None, decision: Decision, previews: Previews | None = None) -> list[str]:
    return make_argv("ffmpeg", INSIDE, container, decision=decision, previews=previews, encoder=SOFTWARE)


def _after(argv: list[str], option: str) -> list[str]:
    return [argv[at + 1] for at, word in enumerate(argv) if word == option]


@pytest.mark.parametrize("container", [_MOV, None])
def test_every_input_is_whitelisted_and_forced_if_known(container: Container | None) -> None:
    lines = [
        probe_argv("ffprobe", INSIDE, container),
        read_through_argv("ffmpeg", INSIDE, container, [0]),
        _playable(container, _shown("copy", 0, None)),
        poster_argv("ffmpeg", INSIDE, container, video=0, at_ms=0),
    ]
    for argv in lines:
        place = argv.index("file:/in/original")
        before = argv[:place]
        assert _after(before, "-format_whitelist") == [FORMAT_WHITELIST]
        assert _after(before, "-protocol_whitelist") == ["file"]
        assert _after(before, "-f") == (["mov"] if container else [])
        assert ("-nostdin" in argv) == (argv[0] == "ffmpeg")


def test_the_remux_maps_the_shown_streams_by_their_index() -> None:
    argv = _playable(_MOV, _shown("copy", 1, 0))
    assert _after(argv, "-map") == ["0:1", "0:0"]
    assert (_after(argv, "-c:v"), _after(argv, "-c:a")) == (["copy"], ["copy"])
    assert _after(argv, "-movflags") == ["+empty_moov+default_base_moof+frag_keyframe"]
    assert "-bsf:a" not in argv
    assert "file:/out/playable.mp4" in argv


def test_sound_alone_is_cut_by_time() -> None:
    argv = _playable(_MOV, _shown("copy", None, 0))
    assert _after(argv, "-frag_duration") == ["4000000"]
    assert "frag_keyframe" not in " ".join(argv)


def test_adts_headers_are_taken_off_and_the_header_waits_for_what_they_said() -> None:
    argv = _playable(_TS, _shown("copy", 0, 1))
    assert _after(argv, "-bsf:a") == ["aac_adtstoasc"]
    assert "+delay_moov" in _after(argv, "-movflags")[0]
    assert _after(argv, "-use_editlist") == ["0"]


def test_only_what_has_to_be_is_encoded() -> None:
    sound = _playable(_MOV, _shown("copy-video", 0, 1, aac=False))
    assert (_after(sound, "-c:v"), _after(sound, "-c:a")) == (["copy"], ["aac"])
    picture = _playable(_TS, _shown("transcode", 0, 1))
    assert (_after(picture, "-c:v"), _after(picture, "-c:a")) == (["libx264"], ["copy"])
    both = _playable(_MOV, _shown("transcode", 2, 5, aac=False))
    assert (_after(both, "-c:v"), _after(both, "-c:a")) == (["libx264"], ["aac"])
    assert "[0:2]" in _after(both, "-filter_complex")[0]
    assert "[0:5]" in _after(both, "-filter_complex")[0]


def test_nothing_asked_for_has_no_command() -> None:
    with pytest.raises(ValueError, match="nothing is asked for"):
        _playable(_MOV, _shown("none", None, None))


def test_a_further_track_is_a_file_of_its_own() -> None:
    tracks = (Track(2, "video", copied=True), Track(3, "audio", copied=False))
    argv = _playable(_MOV, replace(_shown("copy", 0, 1), tracks=tracks))
    assert [word for word in argv if word.startswith("file:/out/")] == [
        "file:/out/playable.mp4",
        "file:/out/track-2.mp4",
        "file:/out/track-3.mp4",
    ]
    assert _after(argv, "-map")[:4] == ["0:0", "0:1", "0:2", "0:1"]


def test_one_command_makes_everything_of_one_decode() -> None:
    argv = _playable(_MOV, _shown("transcode", 0, 1, aac=False), Previews(0, 1, 60_000, every_frame=True))
    assert argv.count("-i") == 1
    assert "-skip_frame:v" not in argv
    (graph,) = _after(argv, "-filter_complex")
    for name in ("scdet", "blackdetect", "freezedetect", "tile=10x4", "ebur128", "silencedetect", "astats"):
        assert name in graph
    assert "file:/out/sprite.jpg" in argv


def test_what_plays_as_it_is_is_looked_at_by_its_keyframes() -> None:
    argv = make_argv(
        "ffmpeg", INSIDE, _MOV,
        decision=None, previews=Previews(0, None, 3_600_000, every_frame=False), encoder=SOFTWARE,
    )  # fmt: skip
    assert _after(argv[: argv.index("-i")], "-skip_frame:v") == ["nokey"]
    (graph,) = _after(argv, "-filter_complex")
    assert "freezedetect" not in graph
    assert "36.000" in graph
    assert "ebur128" not in graph


@pytest.mark.parametrize("length_ms", [None, 1, 1_999, 200_000, 14_400_000])
def test_the_sprite_sheet_has_room_for_the_whole_length(length_ms: int | None) -> None:
    previews = Previews(0, None, length_ms, every_frame=True)
    room = previews.sprite_rows * previews.profile.sprite_columns
    assert 1 <= previews.sprite_rows <= previews.profile.sprite_rows
    assert (length_ms or 0) <= room * previews.sprite_every_ms


def test_a_flawed_video_is_encoded_and_sound_is_left_alone() -> None:
    assert _shown("copy", 0, 1).mended().encodes_video
    assert not _shown("copy", None, 1).mended().encodes_video


def test_the_poster_is_one_small_frame_at_its_time() -> None:
    argv = poster_argv("ffmpeg", INSIDE, _MOV, video=2, at_ms=12_034)
    assert _after(argv, "-ss") == ["12.034"]
    assert _after(argv, "-frames:v") == ["1"]
    assert "[0:2]" in _after(argv, "-filter_complex")[0]
    assert "-skip_frame" not in poster_argv("ffmpeg", INSIDE, _MOV, video=0, at_ms=0)


def test_only_long_runs_report_progress() -> None:
    assert "-progress" in _playable(_MOV, _shown("copy", 0, None))
    assert "-progress" not in poster_argv("ffmpeg", INSIDE, _MOV, video=0, at_ms=0)
