"""Positions of every source, kept apart, bounded, and true GeoJSON in the end."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.canonical import canonical
from transcode.positions import MOST_POSITIONS, geojson, in_probe, in_tags
from transcode.tags import parsed


def _features(data: Any) -> dict[str, Any]:
    return {str(one["properties"]["source"]): one for one in in_tags(parsed(data))}  # type: ignore[index,call-overload]


def _track(count: int) -> dict[str, Any]:
    """A track as exiftool numbers it: the last of the first document has no copy number."""
    data: dict[str, Any] = {"Track4:Main:MetaFormat": "gpmd"}
    for n in range(count):
        copy = "" if n == count - 1 else f"Copy{n + 1}:"
        data[f"Track4:Doc1:{copy}GPSLatitude"] = f"33.{n:06}"
        data[f"Track4:Doc1:{copy}GPSLongitude"] = f"-117.{n:06}"
    return data


def test_a_picture_gets_its_hemisphere_its_fix_and_its_time() -> None:
    (feature,) = _features(
        {
            "GPS:Main:GPSLatitudeRef": "S",
            "GPS:Main:GPSLongitudeRef": "W",
            "GPS:Main:GPSAltitudeRef": 1,
            "GPS:Main:Copy1:GPSLatitude": "45.5169030555556",
            "GPS:Main:Copy1:GPSLongitude": "122.572765",
            "GPS:Main:Copy1:GPSAltitude": "70.3",
            "GPS:Main:GPSDateStamp": "2018:06:08",
            "GPS:Main:GPSTimeStamp": "20:24:11",
            "GPS:Main:GPSMeasureMode": 3,
            "GPS:Main:GPSDOP": "1.78",
            "Composite:Main:GPSLatitude": "1",
            "Composite:Main:GPSLongitude": "1",
        }
    ).values()
    assert feature["geometry"] == {
        "type": "Point",
        "coordinates": ["-122.572765", "-45.5169030555556", "-70.3"],
    }
    said = feature["properties"]
    assert (said["source"], said["time"], said["fix"], said["dilution"]) == (
        "EXIF GPS",
        ["2018:06:08 20:24:11"],
        ["3"],
        ["1.78"],
    )


def test_a_track_keeps_its_order_whatever_the_order_of_the_answer() -> None:
    data = _track(40) | {"Track4:Doc1:GPSDateTime": "2019:11:18 23:45:14.000", "Track4:Doc1:SampleTime": 0}
    data |= {"Track4:Doc2:Copy40:GPSLatitude": "34", "Track4:Doc2:Copy40:GPSLongitude": "-118"}
    shuffled = [*data.items()]
    random.Random(1).shuffle(shuffled)
    feature = _features(dict(shuffled))["GPMF (Track4)"]
    expected = [[f"-117.{n:06}", f"33.{n:06}"] for n in range(40)] + [["-118", "34"]]
    assert feature["geometry"] == {"type": "LineString", "coordinates": expected}
    assert feature["properties"]["timed_by"] == "group"
    assert feature["properties"]["time"] == ["2019:11:18 23:45:14.000"] * 40 + [None]
    assert feature["properties"]["at"] == ["0"] * 40 + [None]


def test_an_altitude_is_left_out_where_it_is_not_clear_whose_it_is() -> None:
    data = _track(3) | {"Track4:Doc1:GPSAltitude": "5"}
    assert len(_features(data)["GPMF (Track4)"]["geometry"]["coordinates"][0]) == 2


def test_the_sources_stay_apart() -> None:
    found = _features(
        _track(2)
        | {
            "Keys:Main:GPSCoordinates": "51.5334 -0.1255 26.756",
            "UserData:Main:GPSCoordinates": "51.5 -0.1",
            "XMP-exif:Main:GPSLatitude": "1",
            "XMP-exif:Main:GPSLongitude": "2",
        }
    )
    assert set(found) == {"Keys position", "UserData position", "XMP-exif position", "GPMF (Track4)"}
    assert found["Keys position"]["geometry"]["coordinates"] == ["-0.1255", "51.5334", "26.756"]


def test_a_long_track_is_thinned_by_a_stated_rule() -> None:
    feature = _features(_track(10 * MOST_POSITIONS + 7))["GPMF (Track4)"]
    kept = feature["geometry"]["coordinates"]
    assert len(kept) <= MOST_POSITIONS + 1
    assert feature["properties"]["found"] == 10 * MOST_POSITIONS + 7
    assert feature["properties"]["thinned"] == "every 11th of 10,007 positions and the last"
    assert kept[1] == ["-117.000011", "33.000011"]
    assert kept[-1] == ["-117.010006", "33.010006"]
    assert _features(_track(MOST_POSITIONS))["GPMF (Track4)"]["properties"]["thinned"] is None


@pytest.mark.parametrize("latitude", ["91", "nan", "1e9", "", "north", "9" * 400, True, [1]])
def test_no_place_on_earth_is_counted_and_left_out(latitude: Any) -> None:
    (feature,) = in_tags(parsed({"GPS:Main:GPSLatitude": latitude, "GPS:Main:GPSLongitude": "1"}))
    assert feature["geometry"] is None
    properties: Any = feature["properties"]
    assert properties["not_on_earth"] == 1
    json.dumps(geojson({"positions": [feature]}), allow_nan=False)


def test_the_other_reader_stands_in() -> None:
    (feature,) = in_probe({"format": {"tags": {"location": "+33.1268-117.3273+012.500/"}}})
    assert feature["geometry"] == {"type": "Point", "coordinates": ["-117.3273", "+33.1268", "+012.500"]}
    assert in_probe({"format": {"tags": {"location": "somewhere"}}}) == []
    assert in_probe(None) == []


def test_geojson_has_numbers_in_the_order_of_the_standard() -> None:
    made: Any = geojson({"positions": in_tags(parsed(_track(2)))})
    assert made["type"] == "FeatureCollection"
    assert made["features"][0]["geometry"]["coordinates"] == [[-117.0, 33.0], [-117.000001, 33.000001]]
    assert geojson({}) == {"type": "FeatureCollection", "features": []}


_NAMES = st.sampled_from(["GPSLatitude", "GPSLongitude", "GPSAltitude", "GPSCoordinates", "GPSLatitudeRef"])
_KEYS = st.builds(
    lambda doc, copy, name: f"Track1:{doc}:{copy}{name}",
    st.sampled_from(["Main", "Doc1", "Doc2-1"]),
    st.sampled_from(["", "Copy1:", "Copy2:"]),
    _NAMES,
)
_VALUES = st.text() | st.integers() | st.floats(-200, 200).map(str) | st.lists(st.integers()) | st.none()


def test_an_altitude_that_is_no_number_is_left_out() -> None:
    said = {"GPSLatitude": "22.5", "GPSLongitude": "114.1", "GPSAltitude": ""}
    tags = {f"Track1:Doc1:{name}": value for name, value in said.items()}
    (feature,) = geojson({"positions": [*in_tags(parsed(tags))]})["features"]  # type: ignore[misc]
    assert feature["geometry"]["coordinates"] == [114.1, 22.5]


@given(st.dictionaries(_KEYS, _VALUES))
def test_whatever_the_tags_hold_is_canonical_and_geojson(data: Any) -> None:
    features = in_tags(parsed(data))
    canonical(features)
    json.dumps(geojson({"positions": [*features]}), allow_nan=False)
