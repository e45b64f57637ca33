"""A recording without its index is seen again with a sibling's parameters, picture for picture."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from evidence.canonical import canonical
from evidence.errors import StageFailed
from evidence.ports.media import Made
from tests.integration.transcode.conftest import BOTH_WAYS, ffprobe, sample
from tests.media import ffmpeg
from transcode.bench import Bench, Program
from transcode.recovering import Recoverer

_CAMERA = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-pix_fmt", "yuv420p", "-c:a", "aac")
#: The encoder that the shared sample was made with, as it says itself.
_SAMPLE = (
    *("-c:v", "libx264", "-pix_fmt", "yuv420p", "-profile:v", "main", "-bf", "0", "-g", "60"),
    *("-sc_threshold", "0", "-b:v", "8M", "-maxrate", "9M", "-bufsize", "12M", "-c:a", "aac"),
)


@pytest.fixture
def recoverer(bwrap: str) -> Recoverer:
    """Run in the way that the test asks for."""
    return Recoverer(Bench("prefer", bwrap, 30.0), Program.found("ffmpeg"))


def _filmed(path: Path, picture: str, *camera: str, seconds: int = 5) -> Path:
    ffmpeg(
        *("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", "anoisesrc=amplitude=0.3"),
        *("-t", str(seconds), *camera, str(path)),
    )
    return path


def _without_index(whole: Path) -> Path:
    data = whole.read_bytes()
    cut = whole.with_name(f"cut-{whole.name}")
    cut.write_bytes(data[: data.rindex(b"moov") - 4])
    return cut


def _slices(path: Path) -> str:
    done = subprocess.run(
        [
            *("ffmpeg", "-nostdin", "-v", "error", "-i", str(path), "-map", "0:v:0", "-c", "copy"),
            *("-bsf:v", "h264_mp4toannexb,filter_units=pass_types=1-5", "-f", "streamhash", "-"),
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def _frames(path: Path) -> list[str]:
    """The hash of every decoded frame; no error may be said of any."""
    done = subprocess.run(
        ["ffmpeg", "-nostdin", "-v", "error", "-i", str(path), "-map", "0:v:0", "-f", "framemd5", "-"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    return [line.rpartition(",")[2] for line in done.stdout.splitlines() if not line.startswith("#")]


async def _recover(recoverer: Recoverer, original: Path, sibling: Path, workdir: Path) -> Made:
    heard: list[int] = []
    made = await recoverer.recover(original, sibling, workdir, heard.append)
    assert heard == sorted(heard)
    assert heard[-1] == 1000
    canonical(dict(made.provenance))
    canonical(dict(made.layout))
    return made


@BOTH_WAYS
async def test_every_picture_of_a_cut_recording_comes_back(recoverer: Recoverer, tmp_path: Path) -> None:
    whole = _filmed(tmp_path / "whole.mp4", "testsrc2=size=320x180:rate=30000/1001", *_CAMERA)
    sibling = _filmed(
        tmp_path / "sibling.mp4", "mandelbrot=size=320x180:rate=30000/1001", *_CAMERA, seconds=2
    )
    made = await _recover(recoverer, _without_index(whole), sibling, tmp_path)
    assert (made.kind, made.media_type) == ("recovered", "video/mp4")
    assert _slices(made.path) == _slices(whole)
    assert _frames(made.path) == _frames(whole)
    layout: Mapping[str, Any] = made.layout
    assert (layout["video"], layout["audio"]) == (True, False)
    assert layout["duration_us"] == 150 * 1001 * 1_000_000 // 30_000
    about: Mapping[str, Any] = made.provenance
    assert about["recovered"] is True
    assert about["assumed"]["frame_rate"] == "30000/1001"
    assert len(about["assumed"]["parameter_sets_from"]) == 64
    assert (about["pictures"], about["keyframes"], about["breaks"], about["errors"]) == (150, 6, 0, 0)
    assert about["encoded"] == {"video": False, "audio": False}
    assert about["sound"].startswith("left out: nothing marks where sound (mp4a, 48000 Hz")
    assert (
        sum(int(one["size"]) for one in ffprobe(whole, "-show_packets", "-select_streams", "v")["packets"])
        == (about["bytes_used"])
    )


@pytest.mark.parametrize("reordered", ["0", "2"])
async def test_the_rate_is_the_siblings_whatever_the_stream_says_of_itself(
    recoverer: Recoverer, tmp_path: Path, reordered: str
) -> None:
    camera = (*_CAMERA, "-bf", reordered)
    whole = _filmed(tmp_path / "whole.mp4", "testsrc2=size=320x180:rate=25", *camera, seconds=2)
    slower = tmp_path / "slower.mp4"
    ffmpeg("-itsscale", "2", "-i", str(whole), "-c", "copy", str(slower))
    made = await _recover(recoverer, _without_index(whole), slower, tmp_path)
    assert made.layout["duration_us"] == 4_000_000


@BOTH_WAYS
async def test_pictures_that_are_shown_in_another_order_are_encoded_in_it(
    recoverer: Recoverer, tmp_path: Path
) -> None:
    camera = ("-c:v", "libx264", "-preset", "veryfast", "-g", "50", "-pix_fmt", "yuv420p", "-c:a", "aac")
    whole = _filmed(tmp_path / "whole.mp4", "testsrc2=size=320x180:rate=25", *camera)
    sibling = _filmed(tmp_path / "sibling.mp4", "mandelbrot=size=320x180:rate=25", *camera, seconds=2)
    made = await _recover(recoverer, _without_index(whole), sibling, tmp_path)
    assert made.provenance["encoded"] == {"video": True, "audio": False}
    assert len(_frames(made.path)) == 125
    assert made.layout["duration_us"] == 5_000_000
    # Were two pictures exchanged, the two recordings would be far from alike.
    said = subprocess.run(
        [
            *("ffmpeg", "-nostdin", "-i", str(made.path), "-i", str(whole)),
            *("-lavfi", "[0:v][1:v]psnr", "-f", "null", "-"),
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stderr
    assert float(said.rpartition(" min:")[2].split()[0]) > 25


async def test_a_damaged_recording_comes_back_but_for_what_is_damaged(
    recoverer: Recoverer, tmp_path: Path
) -> None:
    whole = _filmed(tmp_path / "whole.mp4", "testsrc2=size=320x180:rate=25", *_CAMERA)
    cut = _without_index(whole)
    data = bytearray(cut.read_bytes())
    data[200_000:210_000] = bytes(10_000)
    cut.write_bytes(data)
    made = await _recover(recoverer, cut, whole, tmp_path)
    pictures = made.provenance["pictures"]
    assert isinstance(pictures, int)
    assert 110 < pictures < 125
    assert made.provenance["breaks"] == 1


@pytest.mark.parametrize("what", ["another camera", "no recording", "no pictures", "no index either"])
async def test_a_sibling_that_is_none_is_said_to_be_so(
    recoverer: Recoverer, tmp_path: Path, sound: Path, what: str
) -> None:
    whole = _filmed(tmp_path / "whole.mp4", "testsrc2=size=320x180:rate=25", *_CAMERA, seconds=2)
    cut = _without_index(whole)
    other = tmp_path / "other"
    if what == "another camera":
        other = _filmed(
            tmp_path / "other.mp4",
            "testsrc2=size=640x360:rate=25",
            *("-c:v", "libx264", "-g", "250", "-pix_fmt", "yuv420p"),
            seconds=1,
        )
    elif what == "no recording":
        other.write_bytes(b"not a recording")
    else:
        other = sound if what == "no pictures" else cut
    with pytest.raises(StageFailed) as caught:
        await recoverer.recover(cut, other, tmp_path, lambda _: None)
    assert (caught.value.code, caught.value.final) == ("not-recoverable", True)
    assert caught.value.message.endswith("The original is kept as it is.")


async def test_a_real_camera_that_lost_power(recoverer: Recoverer, tmp_path: Path) -> None:
    sibling = _filmed(tmp_path / "sibling.mp4", "testsrc2=size=1920x1080:rate=30", *_SAMPLE, seconds=1)
    made = await _recover(recoverer, sample("malformed/derived-moov-missing.mp4"), sibling, tmp_path)
    assert len(_frames(made.path)) == made.provenance["pictures"] == 81
    assert made.provenance["errors"] == 0


@pytest.mark.parametrize(
    "name",
    [
        "gps/gopro-max-heromode.mp4",
        "video/rotated270.mp4",
        "video/ffmpeg-python-in.mp4",
        "video/opencv-cup.mp4",
        "video/cursed-vfr.mp4",
    ],
)
async def test_real_recordings_read_without_their_index(
    recoverer: Recoverer, tmp_path: Path, name: str
) -> None:
    whole = sample(name)
    data = whole.read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(data[data.index(b"mdat") - 4 :])
    made = await _recover(recoverer, cut, whole, tmp_path)
    assert _slices(made.path) == _slices(whole)


@pytest.mark.parametrize(
    "name",
    ["video/sample-5s.mp4", "video/rotated270.mp4", "video/video-h264.mp4", "video/ffmpeg-python-in.mp4"],
)
async def test_recordings_of_other_cameras_do_not_help(
    recoverer: Recoverer, tmp_path: Path, name: str
) -> None:
    with pytest.raises(StageFailed) as caught:
        await recoverer.recover(
            sample("malformed/derived-moov-missing.mp4"), sample(name), tmp_path, lambda _: None
        )
    assert (caught.value.code, caught.value.final) == ("not-recoverable", True)
