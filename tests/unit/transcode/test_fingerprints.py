"""The command lines that fingerprints are taken with, and what is believed of the answers."""

from __future__ import annotations

import pytest

from transcode.containers import Container
from transcode.fingerprints import pictures_argv, sound_argv, times_of
from transcode.sandbox import INSIDE

_AVI = Container("avi", "avi", "recording")


def test_the_original_is_opened_as_every_original_is() -> None:
    for argv in (
        pictures_argv("ffmpeg", INSIDE, _AVI, video=1, closely=True),
        sound_argv("ffmpeg", INSIDE, _AVI, audio=2),
    ):
        before = argv[: argv.index("-i")]
        assert before[before.index("-protocol_whitelist") + 1] == "file"
        assert "-format_whitelist" in before
        assert before[before.index("-f") + 1] == "avi"
        assert argv[argv.index("-i") + 1] == "file:/in/original"
        assert "-nostdin" in argv
        assert all(part.startswith("file:/out/") for part in argv if part.startswith("file:/out"))


@pytest.mark.parametrize(("closely", "skipped"), [(True, "noref"), (False, "nokey")])
def test_only_a_close_look_decodes(closely: bool, skipped: str) -> None:
    argv = pictures_argv("ffmpeg", INSIDE, None, video=0, closely=closely)
    assert argv[argv.index("-skip_frame") + 1] == skipped


@pytest.mark.parametrize(
    ("report", "times"),
    [
        (b"", []),
        (b"#tb 0: 1/1000\n0, 0, 0, 1, 4096, 0x1\n0, 120, 125, 1, 4096, 0x1\n", [0, 125]),
        (b"0, 0, 7, 1\n0, 0, 7, 1\n0, 0, 9, 1\n", [7]),
        (b"0, 0, 5, 1\n0, 0, -3, 1\n", [5]),
        (b"0, 0, 5, 1\n0, 0, 99999999999, 1\n", [5]),
        (b"0, 0, 5, 1\n0, 0\n0, 0, 8, 1", [5]),
        (b"0, 0, 5, 1\n\xff\xfe", [5]),
    ],
)
def test_times_are_believed_while_they_go_on(report: bytes, times: list[int]) -> None:
    assert times_of(report) == times
