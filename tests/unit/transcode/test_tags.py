"""What is asked of exiftool and kept of its answer."""

from __future__ import annotations

import json

import pytest

from transcode.sandbox import Limits
from transcode.tags import exiftool_launch, reader_argv, tags_from
from transcode.values import TooStrange


def test_every_clock_keeps_its_group_and_text() -> None:
    answer = b"""[{"SourceFile": "/in/original", "ExifTool:Main:ExifToolVersion": 12.57,
        "QuickTime:Main:CreateDate": "2023:05:09 11:48:30", "Keys:Main:CreationDate":
        "2023:05:09 13:48:30+02:00", "ExifTool:Main:Warning": "odd", "Track1:Main:Duration": 0.10}]"""
    version, tags, complaints = tags_from(answer)
    assert version == "12.57"
    assert "SourceFile" not in tags
    assert tags["QuickTime:Main:CreateDate"] == "2023:05:09 11:48:30"
    assert tags["Keys:Main:CreationDate"] == "2023:05:09 13:48:30+02:00"
    assert tags["Track1:Main:Duration"] == "0.10"
    assert complaints == ["Metadata: odd"]


@pytest.mark.parametrize("answer", [b"", b"[]", b"{}", b"[1]", b"[{}, {}]", b"[{"])
def test_other_answers_are_too_strange(answer: bytes) -> None:
    with pytest.raises(TooStrange):
        tags_from(answer)


def test_the_reader_is_limited_and_gets_one_request() -> None:
    launch = exiftool_launch(["bwrap", "--"], "/usr/bin/exiftool")
    argv = reader_argv(launch, "/in/original", Limits(cpu_s=9, memory=5), timed=False)
    assert argv[0] == "prlimit"
    request = json.loads(argv[-1])
    assert request["launch"] == ["bwrap", "--", "/usr/bin/exiftool", "-config", ""]
    assert request["path"] == "/in/original"
    assert "-ee" not in request["options"]
    assert "-ee" in json.loads(reader_argv(launch, "/in/original", Limits(9, 5), timed=True)[-1])["options"]
