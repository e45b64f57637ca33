"""What makers' file names say; nothing where they say nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.canonical import canonical
from transcode.filenames import TEMPLATES, read_name

_KNOWN = [
    (
        "DSJ0012_001234_20260314101500_0007.MP4",
        "body camera: device, officer, time, number",
        {"device": "DSJ0012", "officer": "001234", "sequence": "0007"},
        "20260314101500",
    ),
    (
        "DSJ-A1B2C3_20260314_101500_0001.mp4",
        "body camera: device, time, number",
        {"device": "DSJ-A1B2C3", "sequence": "0001"},
        "20260314_101500",
    ),
    (
        "Axon_Body_3_Video_2021-05-06_1234-2.mp4",
        "Axon body camera, as exported",
        {"segment": "2"},
        "2021-05-06_1234",
    ),
    ("GH020123.MP4", "GoPro, chaptered", {"segment": "02", "sequence": "0123"}, None),
    ("GHAA0002.MP4", "GoPro, looping", {"segment": "0002", "sequence": "AA"}, None),
    ("GOPR1234.MP4", "GoPro until HERO5, first chapter", {"sequence": "1234"}, None),
    ("GP011234.MP4", "GoPro until HERO5, later chapter", {"segment": "01", "sequence": "1234"}, None),
    ("DJI_20260314101500_0012_D.MP4", "DJI with time", {"sequence": "0012"}, "20260314101500"),
    ("DJI_0042.JPG", "DJI", {"sequence": "0042"}, None),
    (
        "VID_20260314_101500_00_007.insv",
        "Insta360",
        {"channel": "00", "sequence": "007"},
        "20260314_101500",
    ),
    ("PXL_20260314_021500123.TS.mp4", "Pixel phone", {}, "20260314_021500123"),
    ("VID-20260314-WA0003.mp4", "messenger", {"sequence": "0003"}, "20260314"),
    ("VID_20260314_101500.mp4", "phone, film", {}, "20260314_101500"),
    ("IMG_20260314_101500.jpg", "phone, picture", {}, "20260314_101500"),
    (
        "2026_0314_101500_0042A.MP4",
        "dashboard camera",
        {"sequence": "0042", "channel": "A"},
        "2026_0314_101500",
    ),
    ("20260314_101500_0001.MP4", "time, number", {"sequence": "0001"}, "20260314_101500"),
    ("10.15.00-10.20.00[M][0@0][0].dav", "recorder: from, to", {"channel": "0"}, "10.15.00"),
    ("260314_1015_01.mp3", "voice recorder", {"sequence": "01"}, "260314_1015"),
    ("DSC00001.JPG", "DCF camera", {"sequence": "0001"}, None),
]


@pytest.mark.parametrize(("name", "template", "statements", "time"), _KNOWN, ids=lambda value: str(value))
def test_a_known_name(name: str, template: str, statements: dict[str, str], time: str | None) -> None:
    said = read_name(name)
    assert said is not None
    assert said.template.name == template
    assert said.statements == statements
    assert [clock.statement.value for clock in said.clocks][:1] == ([] if time is None else [time])
    assert all(clock.statement.source == "file name" for clock in said.clocks)
    assert all(clock.statement.zone is None for clock in said.clocks)


def test_every_template_is_tested() -> None:
    assert [template.name for template in TEMPLATES] == [template for _, template, _, _ in _KNOWN]


def test_a_recorder_names_both_ends() -> None:
    said = read_name("10.15.00-10.20.00[M][0@0][0].dav")
    assert said is not None
    assert [(clock.statement.value, clock.statement.marks) for clock in said.clocks] == [
        ("10.15.00", "start"),
        ("10.20.00", "end"),
    ]


def test_a_picture_marks_a_moment_and_only_the_last_part_counts() -> None:
    said = read_name("D:\\DCIM\\100MEDIA\\IMG_20260314_101500.jpg")
    assert said is not None
    assert said.clocks[0].statement.marks == "moment"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "holiday.mp4",
        "20260314.mp4",
        "VID_20260231_101500.mp4",
        "VID_20261314_101500.mp4",
        "IMG_20260314_251500.jpg",
        "DSJ0012_001234_20260231101500_0007.MP4",
        "１２３４５６_1015.mp3",
        "GH0１0123.MP4",
        "VID_20260314_101500\n.mp4",
    ],
)
def test_other_names_say_nothing(name: str) -> None:
    assert read_name(name) is None


@given(st.text(max_size=400) | st.from_regex(TEMPLATES[0].pattern, fullmatch=True))
def test_no_name_breaks_it(name: str) -> None:
    if (said := read_name(name)) is not None:
        canonical(said.as_json())
