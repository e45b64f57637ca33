"""Damaged files by the hundred: each comes to a final end, in bounded time and memory, and leaves nothing."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

import pytest

from evidence.canonical import canonical
from evidence.errors import StageFailed
from tests.fault.mutations import mutated
from tests.media import ffmpeg
from tests.places import SAMPLES
from transcode.tools import SandboxedTools

_SEED = 20260101
_SHORT, _LONG = 30, 5_000
#: The longest a stage may take; a healthy one of files this small needs a second.
PATIENCE_S = 120.0
#: By how much the worker may grow beyond what the first files made it.
WORKER_BYTES = 160 << 20
_MOST_BYTES = 300_000
_SMALL_SAMPLES = (
    "audio/amrnb.3gp", "audio/bear-vbr.mp3", "audio/ima_adpcm.wav", "audio/chinese.flac", "video/h263.3gp",
    "video/iphone-dolbyvision.MOV", "video/mpeg4-qcif.mp4", "video/sample_fragmented.mp4",
    "video/vbr_requires_parsespeed_1.mp4", "malformed/invalid-bitstream.webm", "malformed/missing_stsd.mp4",
    "malformed/corrupt_exif.jpg",
)  # fmt: skip


def _generated(work: Path) -> list[bytes]:
    """Small recordings of many kinds, 2 s each."""
    picture = ("-f", "lavfi", "-i", "testsrc2=size=160x120:rate=12:duration=2")
    sound = ("-f", "lavfi", "-i", "sine=frequency=500:sample_rate=16000:duration=2")
    x264 = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "12", "-pix_fmt", "yuv420p")
    made = {
        "a.mp4": (*picture, *sound, *x264, "-c:a", "aac"),
        "front.mp4": (*picture, *sound, *x264, "-c:a", "aac", "-movflags", "+faststart"),
        "fragments.mp4": (*picture, *sound, *x264, "-c:a", "aac", "-movflags", "+frag_keyframe+empty_moov"),
        "a.mkv": (*picture, *sound, *x264, "-c:a", "libmp3lame"),
        "a.ts": (*picture, *sound, *x264, "-c:a", "aac"),
        "a.avi": (*picture, *sound, "-c:v", "mpeg4", "-c:a", "libmp3lame"),
        "mjpeg.mov": (*picture, "-c:v", "mjpeg", "-pix_fmt", "yuvj420p"),
        "a.wav": sound,
        "a.m4a": (*sound, "-c:a", "aac"),
    }
    for name, arguments in made.items():
        ffmpeg(*arguments, str(work / name))
    ffmpeg(*picture, "-frames:v", "1", str(work / "a.jpg"))
    return [(work / name).read_bytes()[:_MOST_BYTES] for name in (*made, "a.jpg")]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Generated ones, and beside them samples where they are."""
    samples = [SAMPLES / name for name in _SMALL_SAMPLES]
    return [
        *_generated(tmp_path_factory.mktemp("sources")),
        *(path.read_bytes()[:_MOST_BYTES] for path in samples if path.exists()),
    ]


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _children() -> list[str]:
    """The command lines of this process's children, zombies included."""
    found = []
    for task in Path("/proc/self/task").iterdir():
        for child in (task / "children").read_text().split():
            try:
                found.append(Path(f"/proc/{child}/cmdline").read_text() or f"zombie {child}")
            except OSError:
                continue
    return found


async def _end_of(tools: SandboxedTools, original: Path, work: Path) -> str:
    """How a file ended: its route, and the kinds made or the codes of failures. Raises for any other end."""
    async with asyncio.timeout(PATIENCE_S):
        said = await tools.describe(original, "video/mp4", original.name)
    stored = said.as_json()
    assert canonical(stored)
    ends = [said.route]
    for make in (tools.make_playable, tools.make_previews):
        try:
            async with asyncio.timeout(PATIENCE_S):
                made = await make(original, stored, work, lambda _: None)
        except StageFailed as fault:
            assert fault.final, fault
            ends.append(fault.code)
        else:
            assert made
            for one in made:
                assert one.path.stat().st_size > 0
                assert canonical([one.kind, one.provenance, one.layout])
                ends.append(one.kind)
    return " ".join(ends)


async def _treat(sources: list[bytes], count: int, base: Path) -> dict[str, int]:
    """Two at a time, as a worker of two processes would; the ends, counted."""
    tools = SandboxedTools("prefer")
    numbers = iter(range(count))
    ends: dict[str, int] = {}
    baseline = 0

    async def lane(lane_number: int) -> None:
        nonlocal baseline
        for number in numbers:
            home = base / f"{lane_number}-{number}"
            home.mkdir()
            original = home / "original"
            original.write_bytes(mutated(sources, number, _SEED))
            try:
                end = await _end_of(tools, original, home)
            except (Exception, asyncio.CancelledError) as error:
                error.add_note(f"file {number} of seed {_SEED}")
                raise
            ends[end] = ends.get(end, 0) + 1
            for path in sorted(home.rglob("*"), reverse=True):
                path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
            home.rmdir()
            if number == 20:
                baseline = _resident()
            if number > 20:
                assert _resident() - baseline < WORKER_BYTES

    async with asyncio.TaskGroup() as lanes:
        for lane_number in (1, 2):
            lanes.create_task(lane(lane_number))
    return ends


@pytest.mark.parametrize(
    "count", [_SHORT, pytest.param(_LONG, marks=[pytest.mark.long, pytest.mark.timeout(7200)])]
)
async def test_every_damaged_file_comes_to_an_end(
    sources: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    base = tmp_path / "files"
    base.mkdir()
    before = set(_children())
    ends = await _treat(sources, count, base)
    print("\n".join(f"{number:5d}  {end}" for end, number in sorted(ends.items(), key=lambda pair: -pair[1])))
    assert sum(ends.values()) == count
    # Damage that leaves nothing playable, or leaves all of it, would try little.
    playable = sum(number for end, number in ends.items() if " playable" in end)
    assert count // 10 < playable < count * 9 // 10
    assert list(base.iterdir()) == []
    assert list(temporary.iterdir()) == []
    assert set(_children()) <= before


def test_damage_is_the_same_each_time(sources: list[bytes]) -> None:
    assert [mutated(sources, number, 1) for number in range(30)] == [
        mutated(sources, number, 1) for number in range(30)
    ]
    assert len({mutated(sources, number, 1) for number in range(30)}) == 30
