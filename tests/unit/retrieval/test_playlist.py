"""The playlist says where each segment's bytes lie."""

from __future__ import annotations

from typing import Any

from retrieval.playlist import growing_master, growing_playlist, media_playlist, recording_playlist


def test_a_playlist_over_byte_ranges() -> None:
    layout = {
        "init": [0, 700],
        "segments": [
            {"start": 700, "end": 5000, "duration_us": 4_000_000},
            {"start": 5000, "end": 5600, "duration_us": 1_250_001},
        ],
    }
    lines = media_playlist(layout, "playable.mp4").splitlines()
    assert lines[0] == "#EXTM3U"
    assert "#EXT-X-TARGETDURATION:4" in lines
    assert '#EXT-X-MAP:URI="playable.mp4",BYTERANGE="700@0"' in lines
    assert lines[-7:] == [
        "#EXTINF:4.000000,", "#EXT-X-BYTERANGE:4300@700", "playable.mp4",
        "#EXTINF:1.250001,", "#EXT-X-BYTERANGE:600@5000", "playable.mp4", "#EXT-X-ENDLIST",
    ]  # fmt: skip


def _layout(*lengths_us: int) -> dict[str, Any]:
    segments = [
        {"start": 700 + number * 1000, "end": 1700 + number * 1000, "duration_us": length}
        for number, length in enumerate(lengths_us)
    ]
    return {"init": [0, 700], "segments": segments}


def test_what_grows_lists_its_parts_one_after_the_other() -> None:
    lines = growing_playlist(
        [("part-1.mp4", _layout(4_000_000)), ("part-2.mp4", _layout(2_000_000))], until_us=6_000_000
    ).splitlines()
    assert lines == [
        "#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-TARGETDURATION:6", "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:EVENT", "#EXT-X-INDEPENDENT-SEGMENTS",
        '#EXT-X-MAP:URI="part-1.mp4",BYTERANGE="700@0"',
        "#EXTINF:4.000000,", "#EXT-X-BYTERANGE:1000@700", "part-1.mp4",
        '#EXT-X-MAP:URI="part-2.mp4",BYTERANGE="700@0"',
        "#EXTINF:2.000000,", "#EXT-X-BYTERANGE:1000@700", "part-2.mp4",
    ]  # fmt: skip


def test_what_was_listed_stays_as_it_was() -> None:
    """RFC 8216, 6.2.1: an EVENT playlist is only appended to."""
    stretches = [(f"part-{number}.mp4", _layout(4_000_000, 3_000_000)) for number in range(1, 5)]
    before = ""
    for count in range(1, 5):
        now = growing_playlist(stretches[:count], until_us=count * 7_000_000)
        assert now.startswith(before.rstrip())
        assert "ENDLIST" not in now
        before = now
    ended = growing_playlist(stretches, until_us=None)
    assert ended == before.rstrip() + "\n#EXT-X-ENDLIST\n"


def test_the_sound_goes_as_far_as_the_picture() -> None:
    sound = [("part-0.mp4", _layout(4_000_000, 4_000_000, 4_000_000))]
    assert growing_playlist(sound, until_us=7_000_000).count("#EXTINF") == 2
    assert growing_playlist(sound, until_us=8_000_000).count("#EXTINF") == 2
    assert growing_playlist(sound, until_us=8_000_001).count("#EXTINF") == 3
    assert growing_playlist(sound, until_us=None).count("#EXTINF") == 3


def test_the_master_names_the_sound_where_there_is_one() -> None:
    heard = growing_master(_layout(4_000, 1_000), sound=True)
    assert '#EXT-X-STREAM-INF:BANDWIDTH=8000000,AUDIO="sound"\npicture.m3u8\n' in heard
    assert 'TYPE=AUDIO,GROUP-ID="sound"' in heard
    silent = growing_master(_layout(0), sound=False)
    assert "#EXT-X-STREAM-INF:BANDWIDTH=1\npicture.m3u8\n" in silent
    assert "AUDIO" not in silent


def test_segments_of_a_recording_follow_each_other_each_with_a_time_of_its_own() -> None:
    lines = recording_playlist([("a.mp4", _layout(4_000_000)), ("b.mp4", _layout(2_000_000))]).splitlines()
    assert lines.count("#EXT-X-DISCONTINUITY") == 1
    at = lines.index("#EXT-X-DISCONTINUITY")
    assert lines[at - 1] == "a.mp4"
    assert lines[at + 1] == '#EXT-X-MAP:URI="b.mp4",BYTERANGE="700@0"'
    assert "#EXT-X-TARGETDURATION:4" in lines
    assert lines[-1] == "#EXT-X-ENDLIST"
