"""ffmpeg's own report of how far it is."""

from __future__ import annotations

from transcode.describing import OutTime


def test_the_last_time_is_kept_and_each_is_told() -> None:
    told: list[int] = []
    clock = OutTime(told.append)
    for line in ("frame=1", "out_time_us=0", "out_time_ms=7", "out_time_us=N/A", "out_time_us=-5"):
        clock.line(line)
    for line in ("out_time_us=2500000", "out_time_us=" + "9" * 4000, "progress=end"):
        clock.line(line)
    assert told == [0, 2500]
    assert clock.end_ms == 2500


def test_silence_is_no_time() -> None:
    assert OutTime().end_ms is None
