"""The playlist says where each segment's bytes lie."""

from __future__ import annotations

from retrieval.playlist import media_playlist


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
