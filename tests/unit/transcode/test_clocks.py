"""Every clock is kept as it was written; what contradicts is said, and what cannot be told too."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.timekeeping import TimeStatement
from transcode.clocks import Clock, in_probe, in_tags, reading
from transcode.disagreement import disagreements
from transcode.tags import parsed


def _clocks(data: Any) -> dict[str, Clock]:
    return {clock.statement.source: clock for clock in in_tags(parsed(data))}


def _clock(value: str, zone: str | None = None, source: str = "x", **more: Any) -> Clock:
    return Clock(TimeStatement(source, value, zone, more.pop("marks", "unknown")), **more)


def test_every_source_is_its_own_statement() -> None:
    told = _clocks(
        {
            "QuickTime:Main:CreateDate": "2023:05:09 11:48:30",
            "QuickTime:Main:ModifyDate": "2023:05:09 11:48:30",
            "Track1:Main:TrackCreateDate": "2023:05:09 11:48:30",
            "Track1:Main:Copy1:MediaCreateDate": "2023:05:09 11:48:30",
            "Keys:Main:CreationDate": "2023:05:09 12:41:46+01:00",
            "XMP-xmp:Main:MetadataDate": "2023:05:10 12:00:00+01:00",
        }
    )
    assert {
        source: (c.statement.value, c.statement.zone, c.statement.marks) for source, c in told.items()
    } == {
        "Keys CreationDate": ("2023:05:09 12:41:46+01:00", "+01:00", "unknown"),
        "QuickTime CreateDate (mvhd)": ("2023:05:09 11:48:30", None, "unknown"),
        "QuickTime ModifyDate (mvhd)": ("2023:05:09 11:48:30", None, "change"),
        "XMP-xmp MetadataDate": ("2023:05:10 12:00:00+01:00", "+01:00", "change"),
        "Track1 MediaCreateDate (mdhd)": ("2023:05:09 11:48:30", None, "unknown"),
        "Track1 TrackCreateDate (tkhd)": ("2023:05:09 11:48:30", None, "unknown"),
    }
    assert list(told)[-1].startswith("Track")


def test_a_picture_has_its_zone_beside_and_gps_is_utc() -> None:
    told = _clocks(
        {
            "IFD0:Main:ModifyDate": "2018:06:08 13:24:10",
            "ExifIFD:Main:DateTimeOriginal": "2018:06:08 13:24:10",
            "ExifIFD:Main:OffsetTimeOriginal": "-07:00",
            "ExifIFD:Main:OffsetTimeDigitized": "   :  ",
            "ExifIFD:Main:CreateDate": "2018:06:08 13:24:10",
            "GPS:Main:GPSDateStamp": "2018:06:08",
            "GPS:Main:GPSTimeStamp": "20:24:11",
        }
    )
    assert told["EXIF DateTimeOriginal"].statement.zone == "-07:00"
    assert told["EXIF DateTimeOriginal"].tags == (
        "ExifIFD:Main:DateTimeOriginal",
        "ExifIFD:Main:OffsetTimeOriginal",
    )
    assert told["EXIF CreateDate"].statement.zone is None
    assert told["EXIF ModifyDate (IFD0)"].statement.marks == "change"
    assert told["GPS time"] == Clock(
        TimeStatement("GPS time", "2018:06:08 20:24:11", None, "moment"),
        ("GPS:Main:GPSDateStamp", "GPS:Main:GPSTimeStamp"),
        True,
    )


def test_of_a_track_the_first_and_the_last_with_their_place() -> None:
    data: dict[str, Any] = {
        f"Track4:Doc{n}:{f'Copy{n}:' if n > 1 else ''}GPSDateTime": f"2019:11:18 23:45:{n:02}.000"
        for n in range(1, 12)
    }
    data |= {"Track4:Doc1:SampleTime": 0, "Track4:Doc11:Copy10:SampleTime": "10.01"}
    first, last = in_tags(parsed(data))
    assert first.statement == TimeStatement(
        "GPS time (Track4), first of 11", "2019:11:18 23:45:01.000", None, "start"
    )
    assert (last.statement.source, last.statement.marks) == ("GPS time (Track4), last of 11", "moment")
    assert (first.at, last.at, last.is_utc) == ("0", "10.01", True)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("QuickTime:Main:CreateDate", "0000:00:00 00:00:00"),
        ("Composite:Main:GPSDateTime", "2018:06:08 20:24:11Z"),
        ("ICC-header:Main:ProfileDateTime", "2017:07:07 13:22:32"),
        ("File:Main:FileModifyDate", "2017:07:07 13:22:32"),
        ("IFD0:Main:Model", "2017"),
        ("IFD0:Main:Rating", 20170707),
        ("no key", "2017:07:07 13:22:32"),
    ],
)
def test_what_is_no_clock_of_the_recording(key: str, value: Any) -> None:
    assert in_tags(parsed({key: value})) == []


def test_the_z_that_ffprobe_adds_to_mp4_is_no_zone() -> None:
    tags = {"creation_time": "2019-11-18T15:45:32.000000Z", "timecode": "15:44:35:10"}
    mp4 = in_probe({"format": {"format_name": "mov,mp4,m4a", "tags": tags}}, dates=True)
    assert [clock.statement.zone for clock in mp4] == [None, None]
    mkv = in_probe({"format": {"format_name": "matroska,webm", "tags": tags}}, dates=True)
    assert [clock.statement.zone for clock in mkv] == [None, "Z"]
    (timecode,) = in_probe({"format": {"tags": tags}}, dates=False)
    assert (timecode.statement.value, timecode.statement.marks) == ("15:44:35:10", "start")
    assert reading(timecode) is None


def test_two_zones_can_be_told() -> None:
    said = disagreements(
        [_clock("2023:05:09 12:41:46+01:00", "+01:00", "A"), _clock("2023-05-09T11:48:30Z", "Z", "B")], None
    )
    assert said == [
        "Clocks disagree: B says 2023-05-09T11:48:30Z, A says 2023:05:09 12:41:46+01:00; by 6 min 44 s."
    ]


def test_a_missing_zone_is_said_and_both_meanings_are_given() -> None:
    gps = _clock("2019:11:18 23:45:14.000", None, "GPS time", is_utc=True)
    (said,) = disagreements([_clock("2019:11:18 15:45:32", None, "mvhd"), gps], 10_500)
    assert said == (
        "Clocks disagree: mvhd says 2019:11:18 15:45:32 without a zone, "
        "GPS time says 2019:11:18 23:45:14.000 UTC; by 7 h 59 min 42 s if the first means UTC, "
        "by 18 s if the first is local time 8 h behind UTC: which, cannot be told."
    )
    (far,) = disagreements([_clock("2019:11:17 23:45:14", None, "EXIF"), gps], None)
    assert "by 1 day if the first means UTC, by 12 h if the first is local time 12 h behind UTC" in far


def test_two_missing_zones() -> None:
    (said,) = disagreements(
        [_clock("2026:03:14 02:15:40"), _clock("20260314_101500", None, "file name")], 60_000
    )
    assert "by 7 h 59 min 20 s if both mean the same zone, by 40 s if their zones are 8 h apart" in said
    assert said.endswith("The recording lasts 60.0 s: one may mark its start, one its end.")


@pytest.mark.parametrize(
    "pair",
    [
        [_clock("2026:03:14 10:15:00", "+08:00"), _clock("2026:03:14 02:15:04", None, is_utc=True)],
        [_clock("2026:03:14 07:45:00"), _clock("2026:03:14 02:15:04", "Z")],
        [_clock("2026:03:14 10:15"), _clock("2026:03:14 10:15:59")],
        [_clock("2026:03:14 10:15:00"), _clock("2020:01:01 00:00:00", marks="change")],
        [_clock("2026:03:14 10:15:00"), _clock("2026:03:14 10:35:00", is_utc=True, at="9", marks="moment")],
        [_clock("2026:03:14 10:15:00"), _clock("2026:03:14")],
        [_clock("2026:03:14 10:15:00"), _clock("2026:02:31 10:00:00")],
        [_clock("2026:03:14 10:15:00")],
    ],
)
def test_no_word_where_nothing_contradicts(pair: list[Clock]) -> None:
    assert disagreements(pair, None) == []


def test_many_contradictions_are_counted() -> None:
    said = disagreements([_clock(f"2026:03:14 10:{minute}:00", "Z") for minute in range(10, 60)], None)
    assert len(said) == 6
    assert said[-1] == "Clocks disagree: 44 more do, see the list of clocks."


_ZONES = st.integers(-12 * 60, 14 * 60).map(
    lambda minutes: f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
)


@given(st.datetimes(), _ZONES, st.integers(0, 400_000))
def test_seconds_apart_are_found_whatever_the_zone(at: Any, zone: str, seconds: int) -> None:
    value = f"{at:%Y:%m:%d %H:%M:%S}"
    one, same = _clock(value.rjust(19, "0"), zone), _clock(value.rjust(19, "0"), zone, "y")
    assert disagreements([one, same], None) == []
    read = reading(one)
    assert read is not None
    assert read.local == at.replace(microsecond=0)


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.lists(st.text())), st.text())
def test_no_tags_break_the_clocks(data: Any, text: str) -> None:
    told = in_tags(parsed({**data, "ExifIFD:Main:CreateDate": text, "Track1:Doc1-2:Copy1:X": "2020:01:01"}))
    assert disagreements([*told, _clock(text), _clock("2026:03:14 10:15:00")], 5) is not None
