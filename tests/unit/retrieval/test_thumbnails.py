"""The sprite sheet's pictures, each at its time."""

from __future__ import annotations

from retrieval.thumbnails import thumbnail_track

LAYOUT = {
    "columns": 2,
    "width": 160,
    "height": 90,
    "times_us": [0, 2_000_000, 3_700_000_500],
    "duration_us": None,
}


def test_each_picture_stands_until_the_next() -> None:
    cues = thumbnail_track({**LAYOUT, "duration_us": 3_701_250_000}, "sprite.jpg").split("\n\n")
    assert cues == [
        "WEBVTT",
        "00:00:00.000 --> 00:00:02.000\nsprite.jpg#xywh=0,0,160,90",
        "00:00:02.000 --> 01:01:40.000\nsprite.jpg#xywh=160,0,160,90",
        "01:01:40.000 --> 01:01:41.250\nsprite.jpg#xywh=0,90,160,90\n",
    ]


def test_without_a_length_the_last_stands_as_long_as_the_one_before() -> None:
    layout = {**LAYOUT, "times_us": [0, 2_000_000]}
    assert "00:00:02.000 --> 00:00:04.000" in thumbnail_track(layout, "sprite.jpg")
    assert "00:00:00.000 --> 00:00:01.000" in thumbnail_track({**LAYOUT, "times_us": [0]}, "sprite.jpg")
