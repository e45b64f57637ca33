"""The facts of a description: canonical, bounded, reproducible."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from evidence.canonical import canonical
from transcode.clocks import MOST
from transcode.facts import read_facts
from transcode.tags import parsed

_PHOTO: dict[str, Any] = {
    "File:Main:ImageWidth": 16,
    "File:Main:ImageHeight": 16,
    "ExifIFD:Main:ExifImageWidth": 1280,
    "ExifIFD:Main:ExifImageHeight": 720,
    "IFD0:Main:Make": "OnePlus",
    "IFD0:Main:Software": "6.0.1",
    "GoPro:Main:CameraSerialNumber": "C33",
    "ICC-header:Main:DeviceManufacturer": "APPL",
    "IFD0:Main:Model": "",
    "ExifIFD:Main:CreateDate": "2016:07:07 21:42:20",
}


def test_the_device_in_its_own_words() -> None:
    device: Any = read_facts(None, _PHOTO, "", None).data["device"]
    assert device == {
        "make": [{"source": "IFD0 Make", "value": "OnePlus", "tag": "IFD0:Main:Make"}],
        "serial": [
            {"source": "GoPro CameraSerialNumber", "value": "C33", "tag": "GoPro:Main:CameraSerialNumber"}
        ],
        "firmware": [{"source": "IFD0 Software", "value": "6.0.1", "tag": "IFD0:Main:Software"}],
    }


def test_a_size_that_is_not_the_picture_is_said() -> None:
    (said,) = read_facts(None, _PHOTO, "", None).warnings
    assert said.startswith(
        "Metadata: the camera wrote a size of 1280 x 720 pixels, but the picture has 16 x 16"
    )
    turned = _PHOTO | {"ExifIFD:Main:ExifImageWidth": 16, "ExifIFD:Main:ExifImageHeight": 16}
    assert read_facts(None, turned, "", None).warnings == ()


def test_nothing_said_is_nothing() -> None:
    assert read_facts(None, None, "", None).data == {}
    assert read_facts({"format": {}}, {"File:Main:FileType": "MP4"}, "film.mp4", 5).data == {}


def test_ffprobe_stands_in_where_exiftool_failed() -> None:
    tags = {
        "creation_time": "2019-11-18T15:45:32.000000Z",
        "location": "+33.1268-117.3273/",
        "com.apple.quicktime.make": "Apple",
    }
    facts: Any = read_facts({"format": {"format_name": "mov,mp4", "tags": tags}}, None, "", None).data
    assert [clock["value"] for clock in facts["clocks"]] == ["2019-11-18T15:45:32.000000Z"]
    assert facts["positions"][0]["geometry"]["coordinates"] == ["-117.3273", "+33.1268"]
    assert facts["device"]["make"][0]["value"] == "Apple"


def test_the_name_is_one_more_clock() -> None:
    facts = read_facts(
        None, {"QuickTime:Main:CreateDate": "2026:03:14 10:20:00"}, "VID_20260314_101500.mp4", 1
    )
    clocks: Any = facts.data["clocks"]
    assert [clock["source"] for clock in clocks] == ["QuickTime CreateDate (mvhd)", "file name"]
    assert len(facts.warnings) == 1
    name: Any = facts.data["file_name"]
    assert (name["template"], name["statements"]) == ("phone, film", {})


def test_what_does_not_fit_is_counted() -> None:
    many = {f"XMP-x:Main:Date{n}": "2016:07:07 21:42:20" for n in range(MOST + 5)}
    many |= {f"X{n}:Main:Make": "a" for n in range(20)}
    facts = read_facts(None, many, "", None).data
    assert facts["left_out"] == {"clocks": 5, "make": 4}
    clocks: Any = facts["clocks"]
    assert len(clocks) == MOST


_KEYS = st.builds(
    lambda group, doc, copy, name: f"{group}:{doc}:{copy}{name}",
    st.sampled_from(["GPS", "ExifIFD", "IFD0", "Track1", "QuickTime", "File"]),
    st.sampled_from(["Main", "Doc1", "Doc2-1"]),
    st.sampled_from(["", "Copy1:", "Copy2:"]),
    st.sampled_from(
        ["CreateDate", "GPSDateTime", "GPSDateStamp", "GPSTimeStamp", "Make", "GPSLatitude", "ImageWidth"]
    ),
)
_VALUES = (
    st.text() | st.integers(-9, 9) | st.booleans() | st.sampled_from(["2016:07:07 21:42:20", "2016:07:07"])
)


@given(st.dictionaries(_KEYS, _VALUES), st.text(), st.randoms(use_true_random=False))
def test_facts_are_canonical_and_do_not_depend_on_order(data: Any, name: str, chance: random.Random) -> None:
    facts = read_facts(data, data, name, 5)
    canonical(facts.data)
    shuffled = [*data.items()]
    chance.shuffle(shuffled)
    assert read_facts(data, dict(shuffled), name, 5) == facts


def test_keys_that_were_not_asked_for_are_passed_over() -> None:
    assert parsed({"a": 1, "A:Main:Copy1:B": 2, "A:Doc1-2:B": 3, "A:Main:": 4}) == [
        parsed({"A:Main:Copy1:B": 2})[0],
        parsed({"A:Doc1-2:B": 3})[0],
    ]
    assert parsed(None) == []
