"""Lengths that were measured, and sentences about those that were only claimed."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.canonical import Json
from tests.unit.transcode import mp4
from transcode.containers import Container
from transcode.probe import (
    Inside,
    duration_ms,
    look_inside,
    milliseconds,
    warnings_for,
    why_unreadable,
)
from transcode.routes import decide

_MOV = Container("mov", "mov", "recording")


@pytest.mark.parametrize(
    ("claimed", "fragments", "read", "measured"),
    [
        (10_000, None, 9_880, 10_000),
        (35_229, None, 463, 463),
        (None, None, 500, 500),
        (None, 1_068, 1_068, 1_068),
        (143_165_643, 1_068, 1_068, 1_068),
        (5_000, 90_000, 5_000, 5_000),
        (5_000, None, None, None),
        (5_000, 1_000, None, 1_000),
    ],
)
def test_a_claim_is_only_taken_where_the_packets_agree(
    claimed: int | None, fragments: int | None, read: int | None, measured: int | None
) -> None:
    assert duration_ms(claimed, fragments, read) == measured


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12.345678", 12345),
        ("1068118e-6", 1068),
        (3, 3000),
        ("N/A", None),
        ("-1", None),
        ("1e999999999", None),
        ("NaN", None),
        ("Infinity", None),
        (None, None),
        (True, None),
        (["1"], None),
    ],
)
def test_milliseconds(text: Json, value: int | None) -> None:
    assert milliseconds(text) == value


def _look(data: bytes) -> Inside:
    return look_inside(io.BytesIO(data))


def test_a_missing_end_and_a_missing_index_are_seen() -> None:
    whole = mp4.box(b"ftyp", b"isom", bytes(4)) + mp4.box(b"mdat", bytes(100))
    inside = _look(whole[:-30])
    assert (inside.missing_bytes, inside.has_index) == (30, False)
    assert "index (moov)" in why_unreadable(inside)


def test_fragments_are_measured() -> None:
    data = mp4.header(mp4.track(1, b"vide", 1000)) + mp4.fragment(mp4.run(1, 0, [700, 700]))
    assert _look(data).fragments_ms == 1400


@given(st.binary(max_size=300), st.sampled_from([b"", b"\0\0\0\x10ftypisom\0\0\0\0", b"\0\0\0\x01moov"]))
def test_no_bytes_break_the_look(tail: bytes, head: bytes) -> None:
    inside = _look(head + tail)
    assert inside.size == len(head + tail)
    assert why_unreadable(inside)


def test_warnings_name_what_is_wrong() -> None:
    data: Json = {
        "format": {"duration": "35.0"},
        "streams": [
            {
                "index": 0,
                "codec_type": "video",
                "codec_name": "h264",
                "width": 2,
                "height": 2,
                "pix_fmt": "x",
            },
            {"index": 1, "codec_type": "audio"},
        ],
    }
    inside = Inside(10, _MOV, missing_bytes=8, fault="box at 3 is wrong")
    said = warnings_for(inside, data, decide(data, _MOV), errors=215, measured=463)
    assert said == [
        "Truncated: 8 bytes that the file announces are not there.",
        "The structure of the file is broken (box at 3 is wrong).",
        "Flawed: 215 errors while reading it through.",
        "The file claims to last 35.0 s, but 0.5 s of it were found.",
        "1 of 2 streams are shown; not shown: 1 audio (unknown).",
        "An audio track has no description and cannot be played.",
    ]


def test_a_sound_file_has_no_warnings() -> None:
    data: Json = {"format": {"duration": "1.0"}, "streams": []}
    assert warnings_for(Inside(10, _MOV), data, decide(data, _MOV), errors=0, measured=1000) == []
