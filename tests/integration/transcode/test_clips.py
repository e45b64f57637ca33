"""A clip has exactly the frames that are on screen within each source, and sound as long as they last."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.canonical import Json
from evidence.errors import StageFailed
from evidence.ports.media import ClipSource, Made
from tests.integration.transcode.conftest import ffprobe, sample
from tests.media import ffmpeg
from transcode.clips import cut_of, shown_size
from transcode.presentation import Times
from transcode.tools import SandboxedTools


@pytest.fixture(scope="module")
def tools() -> SandboxedTools:
    """With the best sandbox that this machine allows: what is proven here does not depend on it."""
    return SandboxedTools("prefer")


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 s at 25 frames a second, every frame another, without sound: shown at its own times."""
    path = tmp_path_factory.mktemp("media") / "steady.mp4"
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=12"),
        *("-c:v", "libx264", "-g", "100", "-bf", "0", "-pix_fmt", "yuv420p", str(path)),
    )
    return path


async def source(
    tools: SandboxedTools, original: Path, from_ms: int, to_ms: int, workdir: Path
) -> ClipSource:
    said = (await tools.describe(original, "", "")).as_json()
    shown, *_ = await tools.make_playable(original, said, workdir, lambda _: None)
    proof = await tools.prove(original, shown.path, said, workdir, lambda _: None)
    return ClipSource(original, said, json.loads(proof.path.read_bytes()), from_ms, to_ms)


async def cut(tools: SandboxedTools, workdir: Path, *stretches: tuple[Path, int, int]) -> Made:
    sources = [await source(tools, *stretch, workdir) for stretch in stretches]
    return await tools.make_clip(sources, workdir, lambda _: None)


def told(made: Made) -> list[Any]:
    found: Any = made.layout["sources"]
    return list(found)


def frame_times(path: Path) -> list[float]:
    """When each frame of the picture is shown, as the machine's own ffprobe decodes it."""
    frames = ffprobe(path, "-select_streams", "v", "-show_entries", "frame=pts_time")["frames"]
    return [float(one["pts_time"]) for one in frames]


def likeness(one: Path, from_one: str, other: Path, from_other: str, workdir: Path) -> float:
    """How alike two stretches of frames are, from ffmpeg's ssim: 1 is the same picture."""
    log = workdir / "ssim.txt"
    ffmpeg(
        *("-i", str(one), "-i", str(other), "-filter_complex"),
        f"[0:v]{from_one},settb=1/25,setpts=N[a];[1:v]{from_other},settb=1/25,setpts=N[b];[a][b]ssim=stats_file={log}",
        *("-f", "null", "-"),
    )
    return min(float(line.split("All:")[1].split()[0]) for line in log.read_text().splitlines())


async def test_exactly_the_frames_within_are_taken(
    tools: SandboxedTools, steady: Path, tmp_path: Path
) -> None:
    made = await cut(tools, tmp_path, (steady, 7000, 8000))
    assert (made.kind, made.media_type) == ("clip", "video/mp4")
    (one,) = told(made)
    assert (one["first_pts"], one["last_pts"], one["frames"]) == (175 * 512, 199 * 512, 25)
    assert frame_times(made.path) == pytest.approx([number / 25 for number in range(25)], abs=1e-4)
    span = "select=between(n\\,175\\,199)"
    assert likeness(made.path, "null", steady, span, tmp_path) > 0.97
    # One frame further it would be others.
    assert likeness(made.path, "null", steady, "select=between(n\\,176\\,200)", tmp_path) < 0.97


async def test_without_a_sandbox_the_same_comes_out(
    tools: SandboxedTools, steady: Path, tmp_path: Path
) -> None:
    bare = SandboxedTools("prefer", bwrap="no-such-bwrap")
    made = [await cut(one, tmp_path, (steady, 7000, 8000)) for one in (tools, bare)]
    assert made[0].path.read_bytes() == made[1].path.read_bytes()
    assert made[1].provenance["sandboxed"] is False


async def test_a_time_within_a_frame_takes_that_frame_at_both_ends(
    tools: SandboxedTools, steady: Path, tmp_path: Path
) -> None:
    made = await cut(tools, tmp_path, (steady, 7039, 7041))
    (one,) = told(made)
    assert (one["first_pts"], one["last_pts"]) == (175 * 512, 176 * 512)
    made = await cut(tools, tmp_path, (steady, 11_999, 12_000))
    assert (told(made)[0]["first_pts"], told(made)[0]["frames"]) == (299 * 512, 1)


@pytest.mark.long
async def test_what_reaches_the_end_has_the_last_frame_though_it_is_shown_late(
    tools: SandboxedTools, steady: Path, tmp_path: Path
) -> None:
    reordered = tmp_path / "reordered.mp4"
    ffmpeg("-i", str(steady), "-c:v", "libx264", "-bf", "2", "-pix_fmt", "yuv420p", str(reordered))
    made = await cut(tools, tmp_path, (reordered, 11_080, 12_000), (reordered, 0, 1080))
    one, two = told(made)
    # Every picture is shown 80 ms late: at 11,080 ms that of 11,000 ms.
    assert (one["first_pts"], one["last_pts"], one["frames"]) == (275 * 512, 299 * 512, 25)
    assert (two["first_pts"], two["last_pts"], two["frames"]) == (0, 24 * 512, 25)
    assert len(frame_times(made.path)) == 50


@pytest.mark.long
async def test_sources_of_other_rates_and_shapes_follow_each_other(
    tools: SandboxedTools, steady: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.mkv"
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=size=200x300:rate=30:duration=3"),
        *("-f", "lavfi", "-i", "sine=frequency=440:duration=3"),
        *("-c:v", "libx264", "-bf", "0", "-pix_fmt", "yuv420p", "-c:a", "aac", str(other)),
    )
    made = await cut(tools, tmp_path, (steady, 7000, 8000), (other, 1000, 2000), (steady, 0, 500))
    one, two, three = told(made)
    assert [piece["at_us"] for piece in (one, two, three)] == [0, 1_000_000, 1_000_000 + two["length_us"]]
    assert two["time_base"] == [1, 1000]
    found = ffprobe(made.path, "-count_frames", "-show_streams")["streams"]
    assert (found[0]["width"], found[0]["height"]) == (320, 180)
    frames = sum(piece["frames"] for piece in (one, two, three))
    assert int(found[0]["nb_read_frames"]) == frames
    times = frame_times(made.path)
    assert all(before < after for before, after in pairwise(times))
    assert times[one["frames"]] == pytest.approx(1.0, abs=1e-4)
    # Silence stands for the sound that the first has not: the second's begins with its picture.
    loud = tmp_path / "silence.txt"
    ffmpeg(
        *("-i", str(made.path), "-af", f"silencedetect=n=-40dB:d=0.2,ametadata=print:file={loud}"),
        *("-f", "null", "-"),
    )
    ends = [float(line.split("=")[1]) for line in loud.read_text().splitlines() if "silence_end" in line]
    assert ends[0] == pytest.approx(1.0, abs=0.05)
    assert float(found[1]["duration"]) == pytest.approx(float(found[0]["duration"]), abs=0.03)


async def test_pictures_of_a_camera_on_its_side_are_upright(
    tools: SandboxedTools, rotated: Path, tmp_path: Path
) -> None:
    made = await cut(tools, tmp_path, (rotated, 1000, 2000))
    assert (made.layout["width"], made.layout["height"]) == (180, 320)
    (picture, *_) = ffprobe(made.path, "-show_streams")["streams"]
    assert (picture["width"], picture["height"]) == (180, 320)


async def test_a_late_stream_is_cited_in_its_own_times(
    tools: SandboxedTools, steady: Path, tmp_path: Path
) -> None:
    late = tmp_path / "late.ts"
    ffmpeg("-i", str(steady), "-c", "copy", "-output_ts_offset", "3600", str(late))
    made = await cut(tools, tmp_path, (late, 8000, 9000))
    (one,) = told(made)
    assert one["frames"] == 25
    assert one["first_pts"] > 3608 * 90_000
    span = "select=between(n\\,200\\,224)"
    assert likeness(made.path, "null", steady, span, tmp_path) > 0.97


async def test_sound_alone_is_cut_to_the_sample(tools: SandboxedTools, sound: Path, tmp_path: Path) -> None:
    made = await cut(tools, tmp_path, (sound, 2000, 5000), (sound, 8000, 9000))
    assert made.media_type == "audio/mp4"
    (one,) = ffprobe(made.path, "-show_streams")["streams"]
    assert one["codec_name"] == "aac"
    lengths = sum(piece["length_us"] for piece in told(made))
    assert float(one["duration"]) == pytest.approx(lengths / 1e6, abs=0.03)
    assert lengths == pytest.approx(4_000_000, abs=50_000)


async def test_picture_and_sound_alone_are_no_clip(
    tools: SandboxedTools, steady: Path, sound: Path, tmp_path: Path
) -> None:
    with pytest.raises(StageFailed) as caught:
        await cut(tools, tmp_path, (steady, 0, 1000), (sound, 0, 1000))
    assert (caught.value.code, caught.value.final) == ("sources-differ", True)


@pytest.mark.parametrize(
    "name",
    [
        "video/cursed-vfr.mp4",
        "video/mediabunny-0.ts",
        pytest.param("video/sample_edit_list.mp4", marks=pytest.mark.long),
    ],
)
async def test_real_recordings_are_cut(tools: SandboxedTools, tmp_path: Path, name: str) -> None:
    made = await cut(tools, tmp_path, (sample(name), 500, 1500))
    (one,) = told(made)
    found = frame_times(made.path)
    assert len(found) == one["frames"] >= 1
    length: Any = made.layout["duration_us"]
    (picture, *_) = ffprobe(made.path, "-show_streams")["streams"]
    assert float(picture["duration"]) == pytest.approx(length / 1e6, abs=0.002)


@given(st.lists(st.integers(1, 900), min_size=1, max_size=30), st.data())
def test_a_cut_lasts_until_the_next_frame(steps: list[int], data: st.DataObject) -> None:
    ticks = [0]
    for step in steps:
        ticks.append(ticks[-1] + step)
    first = data.draw(st.integers(0, len(ticks) - 1))
    last = data.draw(st.integers(first, len(ticks) - 1))
    found = cut_of(Times(1, 1000, ticks), ticks[first], ticks[last])
    assert found.starts_us == ticks[first] * 1000
    ends = ticks[last + 1] if last + 1 < len(ticks) else ticks[-1] + steps[-1]
    assert found.ends_us == ends * 1000
    assert found.length_us > 0


@pytest.mark.parametrize(
    ("stream", "size"),
    [
        ({"width": 1920, "height": 1080}, (1920, 1080)),
        ({"width": 3840, "height": 2160}, (1920, 1080)),
        ({"width": 1280, "height": 720, "side_data_list": [{"rotation": -90}]}, (720, 1280)),
        ({"width": 720, "height": 576, "sample_aspect_ratio": "16:15"}, (768, 576)),
        ({"width": 321, "height": 181}, (320, 180)),
        ({"width": 1, "height": 1, "sample_aspect_ratio": "0:1"}, (2, 2)),
    ],
)
def test_the_size_is_what_is_shown(stream: dict[str, Json], size: tuple[int, int]) -> None:
    assert shown_size({"index": 0, **stream}, 1920) == size
