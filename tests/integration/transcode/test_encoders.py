"""The encoder that works here is used; one that only seems to is not missed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.media import ffmpeg
from transcode.bench import Bench, Program
from transcode.encoders import EncoderChoice, trial_argv
from transcode.profiles import ENCODERS, SOFTWARE, Encoder
from transcode.tools import SandboxedTools

_ABSENT = Encoder("h264_of_no_machine", lambda _: {})
#: Really an encoder of this ffmpeg's, standing in for hardware.
_PRESENT = Encoder("mpeg4", lambda _: {"q:v": 9}, ("/dev/null",))


@pytest.fixture
def bench() -> Bench:
    return Bench("prefer", "bwrap", 30.0)


async def test_the_first_that_encodes_a_picture_is_chosen(bench: Bench) -> None:
    program = Program.found("ffmpeg")
    assert await EncoderChoice(bench, program, "auto", (_ABSENT, _PRESENT, SOFTWARE)).encoder() is _PRESENT
    assert await EncoderChoice(bench, program, "auto", (_ABSENT, SOFTWARE, _PRESENT)).encoder() is SOFTWARE
    assert await EncoderChoice(bench, program, "software", (_PRESENT,)).encoder() is SOFTWARE


def test_the_last_resort_itself_works() -> None:
    assert ENCODERS[-1] is SOFTWARE
    ffmpeg(*trial_argv("ffmpeg", SOFTWARE)[1:])


async def test_what_fails_on_a_recording_is_done_by_the_processor(tmp_path: Path) -> None:
    """A program that passes every trial and then refuses hardware for whole recordings."""
    real = shutil.which("ffmpeg")
    fake = tmp_path / "ffmpeg"
    fake.write_text(
        "#!/bin/sh\n"
        'case "$*" in *nvenc*color=*|*color=*nvenc*) exit 0;; *nvenc*) exit 1;; esac\n'
        f'exec {real} "$@"\n'
    )
    fake.chmod(0o755)
    source = tmp_path / "old.avi"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=10:duration=2", "-c:v", "mpeg4", str(source))
    tools = SandboxedTools("prefer", ffmpeg=str(fake))
    said = await tools.describe(source, "", "")
    made, *_ = await tools.make_playable(source, said.as_json(), tmp_path, lambda _: None)
    assert "libx264" in str(made.provenance["arguments"])
