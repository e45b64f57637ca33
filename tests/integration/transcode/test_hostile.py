"""Files that lie, break or lead elsewhere, and tools that die or hang: each has a bounded, clear end."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from evidence.canonical import canonical
from evidence.errors import StageFailed
from tests.integration.transcode.conftest import BOTH_WAYS
from tests.media import ffmpeg
from transcode.tools import SandboxedTools


def _fake(path: Path, body: str) -> str:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def _scripts(secret: Path) -> dict[str, str]:
    return {
        "HLS": f"#EXTM3U\n#EXT-X-TARGETDURATION:12\n#EXTINF:12,\nfile:{secret}\n#EXT-X-ENDLIST\n",
        "HLS map": f'#EXTM3U\n#EXT-X-MAP:URI="{secret}"\n#EXTINF:12,\n{secret}\n#EXT-X-ENDLIST\n',
        "ffconcat": f"ffconcat version 1.0\nfile {secret}\n",
        "SDP": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\n",
        "DASH": f'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period>'
        f"<AdaptationSet><Representation><BaseURL>{secret}</BaseURL></Representation></AdaptationSet>"
        "</Period></MPD>",
        "image sequence": str(secret),
    }


@BOTH_WAYS
@pytest.mark.parametrize("kind", ["HLS", "HLS map", "ffconcat", "SDP", "DASH", "image sequence"])
async def test_a_script_reads_no_other_file(
    tools: SandboxedTools, clip: Path, tmp_path: Path, kind: str
) -> None:
    trap = tmp_path / "recording.mp4"
    trap.write_text(_scripts(clip)[kind])
    said = await tools.describe(trap, "video/mp4", "")
    assert said.route == "unplayable"
    assert said.duration_ms is None
    assert "error" in said.probe
    assert b"h264" not in canonical(said.as_json())
    with pytest.raises(StageFailed) as caught:
        await tools.make_playable(trap, said.as_json(), tmp_path, lambda _: None)
    assert caught.value.final


@BOTH_WAYS
async def test_a_forged_description_does_not_open_a_script(
    tools: SandboxedTools, clip: Path, tmp_path: Path
) -> None:
    honest = await tools.describe(clip, "video/mp4", "")
    trap = tmp_path / "recording.mp4"
    trap.write_text(_scripts(clip)["ffconcat"])
    with pytest.raises(StageFailed) as caught:
        await tools.make_playable(trap, honest.as_json(), tmp_path, lambda _: None)
    assert caught.value.final


@BOTH_WAYS
@pytest.mark.parametrize(
    "content",
    [b"", bytes(100_000), b"\0\0\0\x20ftypisom" + bytes(20), b"\x1aE\xdf\xa3" + b"\xff" * 500, b"RIFF"],
    ids=["empty", "zeros", "no index", "broken matroska", "cut off"],
)
async def test_nonsense_is_unplayable_with_a_reason(
    tools: SandboxedTools, tmp_path: Path, content: bytes
) -> None:
    original = tmp_path / "x"
    original.write_bytes(content)
    said = await tools.describe(original, "video/mp4", "")
    assert said.route == "unplayable"
    assert "kept" in said.reason
    canonical(said.as_json())
    for make in (
        lambda: tools.make_playable(original, said.as_json(), tmp_path, lambda _: None),
        lambda: tools.make_previews(original, said.as_json(), tmp_path, lambda _: None),
    ):
        with pytest.raises(StageFailed) as caught:
            await make()
        assert caught.value.final


@BOTH_WAYS
async def test_a_truncated_recording_is_flagged_and_plays_what_is_there(
    tools: SandboxedTools, clip: Path, tmp_path: Path
) -> None:
    front = tmp_path / "front.mp4"
    ffmpeg("-i", str(clip), "-c", "copy", "-movflags", "+faststart", str(front))
    whole = front.read_bytes()
    front.write_bytes(whole[: len(whole) // 2])
    said = await tools.describe(front, "video/mp4", "")
    assert said.route == "copy"
    assert said.duration_ms is not None
    assert said.duration_ms < 9_000
    assert any(warning.startswith("Truncated") for warning in said.warnings)
    made, *_ = await tools.make_playable(front, said.as_json(), tmp_path, lambda _: None)
    layout: Mapping[str, Any] = made.layout
    assert 0 < layout["duration_us"] < 9_000_000


@BOTH_WAYS
async def test_a_name_cannot_give_options(tools: SandboxedTools, clip: Path, tmp_path: Path) -> None:
    odd = tmp_path / "-x\n-execute\n-w\n%d; $(touch x) %03d.mp4"
    odd.write_bytes(clip.read_bytes())
    said = await tools.describe(odd, "video/mp4", "")
    assert said.route == "copy"
    assert "data" in said.tags
    assert list(tmp_path.iterdir()) == [odd]


#: What goes wrong at once is given so long that no load makes it late: "too-slow" would be said of it then.
_LONG_S, _SHORT_S = 60.0, 2.0


@pytest.mark.parametrize(
    ("body", "codes", "deadline_s"),
    [
        ("while :; do read line || sleep 1000; done", {"too-slow"}, _SHORT_S),
        ("sleep 1000 & sleep 1000", {"too-slow"}, _SHORT_S),
        ("exit 0", {"tool-failed"}, _LONG_S),
        ("exit 3", {"tool-failed"}, _LONG_S),
        ("kill -9 $$", {"tool-failed"}, _LONG_S),
        ("echo '{ready}'; sleep 1000", {"not-understood"}, _LONG_S),
        ("yes", {"too-much-output", "too-slow", "tool-failed"}, _SHORT_S),
    ],
    ids=["hangs", "forks and hangs", "exits", "fails", "is killed", "answers nothing", "floods"],
)
@BOTH_WAYS
async def test_an_exiftool_gone_wrong_becomes_an_error(
    clip: Path, tmp_path: Path, body: str, codes: set[str], deadline_s: float, bwrap: str
) -> None:
    fake = _fake(tmp_path / "exiftool", body)
    tools = SandboxedTools("prefer", exiftool=fake, bwrap=bwrap, wall_floor_s=deadline_s)
    said = await tools.describe(clip, "video/mp4", "")
    assert said.route == "copy"
    assert any("Metadata could not be read" in warning for warning in said.warnings)
    tags: Mapping[str, Any] = said.tags
    assert tags["error"]["code"] in codes
    _assert_gone(fake)


def _assert_gone(program: str) -> None:
    """Every process of the program has been killed; the kernel may still be burying the last of them."""
    deadline = time.monotonic() + 20
    while found := _running(program):
        assert time.monotonic() < deadline, found
        time.sleep(0.02)


def _running(program: str) -> list[str]:
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdecimal() and int(process.name) != os.getpid():
            try:
                command = (process / "cmdline").read_bytes()
            except OSError:
                continue
            if program.encode() in command:
                found.append(command.decode(errors="replace"))
    return found


async def test_a_hanging_ffprobe_is_an_unplayable_file_not_a_hang(clip: Path, tmp_path: Path) -> None:
    fake = _fake(tmp_path / "ffprobe", "sleep 1000")
    said = await SandboxedTools("prefer", ffprobe=fake, wall_floor_s=1.0).describe(clip, "video/mp4", "")
    assert (said.route, "error" in said.probe) == ("unplayable", True)
    assert "in time" in said.reason
    _assert_gone(fake)


async def test_a_cancelled_stage_leaves_no_process(clip: Path, tmp_path: Path) -> None:
    started = tmp_path / "out"
    fake = _fake(tmp_path / "ffmpeg", "sleep 1000")
    tools = SandboxedTools("prefer", ffmpeg=fake)
    said = await SandboxedTools("prefer").describe(clip, "video/mp4", "")
    started.mkdir()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await tools.make_playable(clip, said.as_json(), started, lambda _: None)
    _assert_gone(fake)


async def test_a_link_left_by_a_tool_is_not_followed(clip: Path, tmp_path: Path) -> None:
    fake = _fake(tmp_path / "ffmpeg", 'for last; do :; done; ln -s "$0" /out/playable.mp4; exit 0')
    tools = SandboxedTools("prefer", ffmpeg=fake)
    if not tools.protection()[0]:
        pytest.skip(tools.protection()[1])
    said = await SandboxedTools("prefer").describe(clip, "video/mp4", "")
    with pytest.raises(StageFailed) as caught:
        await tools.make_playable(clip, said.as_json(), tmp_path, lambda _: None)
    assert (caught.value.code, caught.value.final) == ("nothing-made", True)


async def test_a_tool_sees_nothing_of_the_machine(clip: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("evidence of another case")
    os.environ["CUSTOS_TEST_SECRET"] = "in the environment"
    seen = (
        f"{{ cat {secret}; env; ls /home /root /etc /in; cat /proc/net/dev; "
        "touch /x; touch /dev/x; touch /usr/x; echo more >>/in/original; } >/out/seen 2>&1; exit 1"
    )
    fake = _fake(tmp_path / "ffmpeg", seen)
    tools = SandboxedTools("prefer", ffmpeg=fake)
    if not tools.protection()[0]:
        pytest.skip(tools.protection()[1])
    said = await SandboxedTools("prefer").describe(clip, "video/mp4", "")
    work = tmp_path / "work"
    work.mkdir()
    before = clip.read_bytes()
    try:
        with pytest.raises(StageFailed):
            await tools.make_playable(clip, said.as_json(), work, lambda _: None)
    finally:
        del os.environ["CUSTOS_TEST_SECRET"]
    (report,) = work.glob("*/seen")
    text = report.read_text()
    assert "evidence of another case" not in text
    assert "in the environment" not in text
    assert "passwd" not in text
    assert "eth0" not in text
    assert "original" in text
    assert text.count("Read-only file system") == 4
    assert clip.read_bytes() == before


async def test_faults_of_the_machine_are_not_final(clip: Path, tmp_path: Path) -> None:
    gone = SandboxedTools("prefer")
    with pytest.raises(StageFailed) as unreadable:
        await gone.describe(tmp_path / "absent", "video/mp4", "")
    assert (unreadable.value.code, unreadable.value.final) == ("original-unreadable", False)
    with pytest.raises(StageFailed) as missing:
        await SandboxedTools("prefer", ffprobe="no-such-ffprobe").describe(clip, "video/mp4", "")
    assert (missing.value.code, missing.value.final) == ("tool-missing", False)
    with pytest.raises(StageFailed) as open_air:
        await SandboxedTools("require", bwrap="no-such-bwrap").describe(clip, "video/mp4", "")
    assert (open_air.value.code, open_air.value.final) == ("no-sandbox", False)
