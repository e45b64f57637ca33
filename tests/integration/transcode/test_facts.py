"""Facts out of real files through the real tools: clocks, positions, devices, names."""

from __future__ import annotations

import shutil
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from evidence.canonical import canonical
from evidence.ports.media import Description
from tests.integration.transcode.conftest import BOTH_WAYS, sample
from tests.media import ffmpeg
from transcode.positions import geojson
from transcode.tools import SandboxedTools


def _facts(said: Description) -> dict[str, Any]:
    canonical(said.as_json())
    return dict(said.facts)


def _clocks(said: Description) -> dict[str, tuple[str, str | None]]:
    return {clock["source"]: (clock["value"], clock["zone"]) for clock in _facts(said)["clocks"]}


def _exiftool(path: Path, *tags: str) -> None:
    """Have the machine's own exiftool write tags into a file of ours."""
    subprocess.run(["exiftool", "-q", "-overwrite_original", *tags, str(path)], check=True)


@pytest.fixture(scope="module")
def best_tools() -> SandboxedTools:
    return SandboxedTools("prefer")


@BOTH_WAYS
async def test_the_clock_of_a_film_and_the_one_in_its_name(
    tools: SandboxedTools, clip: Path, tmp_path: Path
) -> None:
    said = await tools.describe(clip, "video/mp4", "VID_20240506_150810.mp4")
    told = _clocks(said)
    assert told["QuickTime CreateDate (mvhd)"] == ("2024:05:06 07:08:09", None)
    assert told["file name"] == ("20240506_150810", None)
    assert not [warning for warning in said.warnings if warning.startswith("Clocks")]
    late = await tools.describe(clip, "video/mp4", "VID_20240506_151010.mp4")
    (warning,) = [warning for warning in late.warnings if warning.startswith("Clocks")]
    assert "by 2 min 1 s if their zones are 8 h apart" in warning


async def test_a_photograph_says_when_where_and_with_what(best_tools: SandboxedTools, tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    Image.new("RGB", (32, 24), "red").save(photo)
    _exiftool(
        photo,
        *("-Make=Maker", "-Model=Recorder 9", "-SerialNumber=A-17", "-Software=1.0.3"),
        *("-DateTimeOriginal=2026:03:14 10:15:00", "-OffsetTimeOriginal=+08:00"),
        *("-GPSLatitude=31.2304", "-GPSLatitudeRef=N", "-GPSLongitude=121.4737", "-GPSLongitudeRef=E"),
        *("-GPSDateStamp=2026:03:14", "-GPSTimeStamp=04:15:00", "-GPSDOP=1.5"),
    )
    said = await best_tools.describe(photo, "image/jpeg", "IMG_20260314_101500.jpg")
    assert _clocks(said)["EXIF DateTimeOriginal"] == ("2026:03:14 10:15:00", "+08:00")
    assert _clocks(said)["GPS time"] == ("2026:03:14 04:15:00", None)
    device = _facts(said)["device"]
    assert {what: device[what][0]["value"] for what in device} == {
        "make": "Maker",
        "model": "Recorder 9",
        "serial": "A-17",
        "firmware": "1.0.3",
    }
    made: Any = geojson(said.facts)
    assert made["features"][0]["geometry"]["coordinates"] == pytest.approx([121.4737, 31.2304])
    assert made["features"][0]["properties"]["dilution"] == ["1.5"]
    (warning,) = said.warnings
    assert warning.startswith("Clocks disagree: EXIF DateTimeOriginal")
    assert warning.endswith("by 2 h.")


async def test_a_position_in_iso_6709(best_tools: SandboxedTools, clip: Path, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    shutil.copy(clip, film)
    _exiftool(
        film, "-Keys:GPSCoordinates=31.2304, 121.4737, 4.5", "-Keys:CreationDate=2024:05:06 15:08:09+08:00"
    )
    said = await best_tools.describe(film, "video/mp4", "")
    made: Any = geojson(said.facts)
    assert made["features"][0]["geometry"] == {"type": "Point", "coordinates": [121.4737, 31.2304, 4.5]}
    assert _clocks(said)["Keys CreationDate"] == ("2024:05:06 15:08:09+08:00", "+08:00")


async def test_a_matroska_file_names_its_zone(best_tools: SandboxedTools, clip: Path, tmp_path: Path) -> None:
    film = tmp_path / "film.mkv"
    ffmpeg("-i", str(clip), "-c", "copy", "-metadata", "creation_time=2024-05-06T07:08:09Z", str(film))
    told = _clocks(await best_tools.describe(film, "video/x-matroska", ""))
    assert ("2024:05:06 07:08:09Z", "Z") in told.values()


async def test_a_dead_exiftool_leaves_what_ffprobe_read(clip: Path, tmp_path: Path) -> None:
    fake = tmp_path / "exiftool"
    fake.write_text("#!/bin/sh\nexit 3\n")
    fake.chmod(0o755)
    said = await SandboxedTools("prefer", exiftool=str(fake)).describe(clip, "video/mp4", "GH020123.MP4")
    assert list(_clocks(said)) == ["creation_time (format, as ffprobe prints it)"] + [
        f"creation_time (stream {index}, as ffprobe prints it)" for index in (0, 1)
    ]
    assert _facts(said)["file_name"]["statements"] == {"segment": "02", "sequence": "0123"}


async def test_a_walk_with_gps_whose_clocks_disagree(best_tools: SandboxedTools) -> None:
    said = await best_tools.describe(sample("gps/gopro-max-heromode.mp4"), "video/mp4", "GH010123.MP4")
    told = _clocks(said)
    assert told["QuickTime CreateDate (mvhd)"] == ("2019:11:18 15:45:32", None)
    assert told["GPS time (Track4), first of 11"] == ("2019:11:18 23:45:14.000", None)
    assert told["timecode (stream 0)"] == ("15:44:35:10", None)
    (warning,) = [warning for warning in said.warnings if warning.startswith("Clocks")]
    assert "by 7 h 59 min 42 s if the first means UTC" in warning
    assert "by 18 s if the first is local time 8 h behind UTC: which, cannot be told" in warning
    made: Any = geojson(said.facts)
    track = next(one for one in made["features"] if one["properties"]["source"] == "GPMF (Track4)")
    assert track["geometry"]["type"] == "LineString"
    assert len(track["geometry"]["coordinates"]) == track["properties"]["found"] == 191
    latitudes = [position[1] for position in track["geometry"]["coordinates"]]
    assert max(abs(one - other) for one, other in pairwise(latitudes)) < 3e-6
    assert track["properties"]["time"][-1] == "2019:11:18 23:45:25.435"
    assert {one["value"] for one in _facts(said)["device"]["serial"]} >= {"C3353424500199"}


async def test_a_telephone_whose_two_clocks_differ(best_tools: SandboxedTools) -> None:
    said = await best_tools.describe(sample("video/iphone-dolbyvision.MOV"), "video/quicktime", "")
    told = _clocks(said)
    assert told["Keys CreationDate"] == ("2023:05:09 12:41:46+01:00", "+01:00")
    assert told["QuickTime CreateDate (mvhd)"] == ("2023:05:09 11:48:30", None)
    (warning,) = [warning for warning in said.warnings if warning.startswith("Clocks")]
    assert "by 6 min 44 s if the first means UTC" in warning


async def test_a_camera_whose_clock_and_gps_agree(best_tools: SandboxedTools) -> None:
    said = await best_tools.describe(sample("photo/DSC00001.JPG"), "image/jpeg", "DSC00001.JPG")
    assert said.warnings == ()
    made: Any = geojson(said.facts)
    (feature,) = made["features"]
    assert feature["geometry"]["coordinates"] == pytest.approx([-122.572765, 45.516903, 70.3])
    assert feature["properties"]["time"] == ["2018:06:08 20:24:11"]


async def test_a_broken_exif_is_a_warning(best_tools: SandboxedTools) -> None:
    said = await best_tools.describe(sample("malformed/corrupt_exif.jpg"), "image/jpeg", "")
    assert said.route == "none"
    assert any(warning.startswith("Metadata: ") for warning in said.warnings)
