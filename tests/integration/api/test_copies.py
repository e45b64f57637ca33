"""Copies of an item are found by whoever may see both."""

from __future__ import annotations

from pathlib import Path

from evidence.agents import Role
from tests.media import ffmpeg
from tests.serving.inside import Inside


def test_a_copy_made_smaller_is_found_and_on_record(inside: Inside, tmp_path: Path) -> None:
    source, copy = tmp_path / "source.mp4", tmp_path / "copy.avi"
    ffmpeg(
        *("-f", "lavfi", "-i", "mandelbrot=size=320x240:rate=10", "-t", "12"),
        *("-pix_fmt", "yuv420p", str(source)),
    )
    ffmpeg("-i", str(source), "-vf", "scale=200:-2", "-c:v", "mpeg4", "-q:v", "9", str(copy))
    station = inside.client(Role.STATION)
    one, other = (station.kept(path.read_bytes(), path.name) for path in (source, copy))
    elsewhere = inside.client(Role.STATION, "south").kept(copy.read_bytes(), "south.avi")
    reviewer = inside.another(Role.REVIEWER)
    answer = reviewer.get(f"/items/{one}/copies").json()
    assert answer["compared"] == ["video-pdq-1"]
    assert [found["item"] for found in answer["copies"]] == [other]
    assert answer["copies"][0]["score"] > 500
    event = inside.events("list.shown")[-1]
    assert event["detail"] == {"of": "copies", "asked": one}
    assert {subject["id"] for subject in event["subjects"]} == {one, other}
    assert elsewhere not in str(answer)
    for stranger in (inside.client(Role.REVIEWER, "south"), inside.client(Role.AUDITOR)):
        assert stranger.get(f"/items/{one}/copies").status == 404
