"""A long recording that is made in parts comes out as one that is made in one go."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from evidence.canonical import Json
from evidence.errors import StageFailed
from evidence.parts import SOUND
from evidence.ports.media import Made, PlannedPart
from tests.integration.transcode.conftest import BOTH_WAYS, ffprobe, sample
from tests.media import ffmpeg
from transcode import fragments
from transcode.spreading import Spread
from transcode.tools import SandboxedTools

#: Below this a frame is another frame, not the same one encoded otherwise (decibels).
_SAME_FRAME = 25.0


@pytest.fixture
def tools(bwrap: str) -> SandboxedTools:
    """The tools, cutting what is longer than six seconds into parts of three."""
    return SandboxedTools("prefer", bwrap=bwrap, spread=Spread(over_ms=6_000, part_ms=3_000))


def _packets(path: Path, stream: str) -> list[int]:
    packets = ffprobe(path, "-select_streams", stream, "-show_packets", "-show_entries", "packet=pts")
    return sorted(packet["pts"] for packet in packets["packets"])


def _likeness(one: Path, other: Path, stats: Path) -> list[float]:
    """How like each other the frames are, pair by pair, in decibels."""
    ffmpeg(
        *("-i", str(one), "-i", str(other)),
        *("-lavfi", f"[0:v][1:v]psnr=stats_file={stats}", "-f", "null", "-"),
    )
    found = re.findall(r"psnr_avg:(\S+)", stats.read_text())
    return [float(value) for value in found]


async def _in_parts(
    tools: SandboxedTools,
    original: Path,
    said: Mapping[str, Json],
    planned: Sequence[PlannedPart],
    workdir: Path,
) -> Sequence[Made]:
    return [
        await tools.make_part(original, said, part.number, part.how, workdir, lambda _: None)
        for part in planned
    ]


def _times(path: Path) -> list[int]:
    """When each fragment of a part begins by its own word, in microseconds."""
    with path.open("rb") as file:
        parsed = fragments.parse(file)
    guide = parsed.guide()
    return [one.times[guide.number][0] * 1_000_000 // guide.timescale for one in parsed.fragments]


def _synthetic(path: Path, *how: str, seconds: int = 14) -> Path:
    ffmpeg(
        *("-f", "lavfi", "-i", f"testsrc2=size=320x180:rate=25:duration={seconds}"),
        *("-f", "lavfi", "-i", f"sine=frequency=440:duration={seconds}"),
        *(*how, str(path)),
    )
    return path


def _source(kind: str, base: Path) -> Path:
    if kind == "hevc, open groups":
        return _synthetic(
            base / "hevc.mp4",
            *("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "open-gop=1:keyint=25:bframes=4"),
            *("-c:a", "aac"),
        )
    if kind == "mpeg-2, open groups, transport stream":
        return _synthetic(
            base / "old.ts", *("-c:v", "mpeg2video", "-g", "12", "-bf", "2", "-c:a", "mp2", "-q:v", "4")
        )
    if kind == "variable rate":
        return _synthetic(
            base / "vfr.mkv",
            *("-vf", "select='not(mod(n,7))+gt(n,90)'", "-fps_mode", "vfr", "-c:v", "mpeg4", "-g", "10"),
            *("-c:a", "libmp3lame"),
        )
    if kind == "edit list, picture after sound":
        plain = _synthetic(base / "plain.mp4", "-c:v", "mpeg4", "-g", "12", "-bf", "2", "-c:a", "aac")
        ffmpeg("-itsoffset", "0.48", "-i", str(plain), "-i", str(plain), *("-map", "0:v", "-map", "1:a"),
               "-c", "copy", str(base / "late.mp4"))  # fmt: skip
        return base / "late.mp4"
    return sample(kind)


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("video/vtest.avi", marks=pytest.mark.long),
        "hevc, open groups",
        pytest.param("mpeg-2, open groups, transport stream", marks=pytest.mark.long),
        pytest.param("variable rate", marks=pytest.mark.long),
        "edit list, picture after sound",
    ],
)
async def test_parts_joined_are_the_whole(tools: SandboxedTools, tmp_path: Path, kind: str) -> None:
    original = _source(kind, tmp_path)
    said = (await tools.describe(original, "", "")).as_json()
    planned = await tools.plan_parts(original, said)
    pictures = [part for part in planned if part.number != SOUND]
    assert len(pictures) >= 3
    made = await _in_parts(tools, original, said, planned, tmp_path)
    paths = [one.path for part, one in zip(planned, made, strict=True) if part.number != SOUND]
    whole, *_ = await tools.make_playable(original, said, tmp_path, lambda _: None)
    joined = await tools.join_parts(original, paths, said, tmp_path, lambda _: None)

    assert _packets(joined.path, "v") == _packets(whole.path, "v")
    assert _packets(joined.path, "a") == _packets(whole.path, "a")
    assert (joined.kind, joined.media_type) == (whole.kind, whole.media_type)
    assert joined.layout["duration_us"] == whole.layout["duration_us"]
    assert joined.provenance["encoded"] == whole.provenance["encoded"]
    alike = _likeness(joined.path, whole.path, tmp_path / "psnr.txt")
    assert len(alike) == sum(len(_packets(path, "v")) for path in paths)
    assert min(alike) > _SAME_FRAME
    for part, path in zip(pictures, paths, strict=True):
        times = _times(path)
        assert times == sorted(times)
        assert part.begins_us - 1000 <= times[0]
        assert times[-1] < part.ends_us


@BOTH_WAYS
async def test_the_sound_is_made_whole(tools: SandboxedTools, tmp_path: Path) -> None:
    original = _source("variable rate", tmp_path)
    said = (await tools.describe(original, "", "")).as_json()
    first, *_ = await tools.plan_parts(original, said)
    assert first.number == SOUND
    (made,) = await _in_parts(tools, original, said, [first], tmp_path)
    assert made.kind == "part-0"
    assert made.media_type == "audio/mp4"
    assert made.layout["duration_us"] == pytest.approx(14_000_000, abs=100_000)


async def test_what_needs_no_picture_encoded_or_is_short_is_made_whole(
    tools: SandboxedTools, clip: Path, tmp_path: Path
) -> None:
    for original in (clip, _synthetic(tmp_path / "short.avi", "-c:v", "mpeg4", seconds=5)):
        said = (await tools.describe(original, "", "")).as_json()
        assert await tools.plan_parts(original, said) == ()


async def test_a_clock_that_jumps_keeps_a_recording_in_one_piece(
    tools: SandboxedTools, tmp_path: Path
) -> None:
    piece = _synthetic(tmp_path / "piece.ts", "-c:v", "mpeg2video", "-g", "12", "-c:a", "mp2", seconds=8)
    jumps = tmp_path / "jumps.ts"
    jumps.write_bytes(piece.read_bytes() * 2)
    said = (await tools.describe(jumps, "", "")).as_json()
    assert await tools.plan_parts(jumps, said) == ()


async def test_parts_that_differ_are_not_joined(tools: SandboxedTools, tmp_path: Path) -> None:
    parts = []
    for name, size in (("one", "320x180"), ("two", "160x90")):
        path = tmp_path / f"{name}.mp4"
        ffmpeg(
            *("-f", "lavfi", "-i", f"testsrc2=size={size}:rate=25:duration=1"),
            *("-c:v", "libx264", "-movflags", "empty_moov+default_base_moof+frag_keyframe", str(path)),
        )
        parts.append(path)
    original = _source("variable rate", tmp_path)
    said = (await tools.describe(original, "", "")).as_json()
    with pytest.raises(StageFailed) as error:
        await tools.join_parts(original, parts, said, tmp_path, lambda _: None)
    assert (error.value.code, error.value.final) == ("parts-differ", True)


async def test_a_recording_that_cannot_be_entered_says_so(tools: SandboxedTools, tmp_path: Path) -> None:
    """What is said to begin before a part, and does not, would be a part with frames missing."""
    original = _source("variable rate", tmp_path)
    said = (await tools.describe(original, "", "")).as_json()
    *_, last = await tools.plan_parts(original, said)
    seek_us = last.begins_us + 500_000
    with pytest.raises(StageFailed) as error:
        await tools.make_part(
            original, said, last.number, {**last.how, "seek_us": seek_us}, tmp_path, lambda _: None
        )
    assert error.value.code == "no-entry"
    assert error.value.final
