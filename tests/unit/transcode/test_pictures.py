"""What the child's answer is taken for, and what its files are taken for."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.errors import StageFailed
from transcode.outputs import fresh, is_plain, jpeg_size, size_in
from transcode.pictures import seen_in
from transcode.process import Finished


def _finished(answer: object, code: int = 0) -> Finished:
    return Finished("itself", code, json.dumps(answer).encode(), 0, "")


def test_what_was_seen() -> None:
    answer = {
        "width": 4,
        "height": 3,
        "mode": "L",
        "orientation": 6,
        "more": True,
        "versions": {"pillow": "9"},
    }
    seen = seen_in(_finished(answer))
    assert (seen.width, seen.height, seen.mode, seen.orientation) == (4, 3, "L", 6)
    assert (seen.has_more, seen.version) == (True, "9")


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        ({"fault": "damaged"}, "picture-damaged", "damaged"),
        (
            {"fault": "truncated", "width": 1, "height": 1},
            "picture-truncated",
            "Copy it from the device again",
        ),
        (
            {"fault": "too-many-pixels", "width": 60000, "height": 60000},
            "picture-too-large",
            "claims 60,000 x 60,000 pixels; more than 200,000,000",
        ),
        ({"fault": "too-large"}, "picture-too-large", "memory"),
        ({"width": 0, "height": 5}, "picture-damaged", "damaged"),
        ({"width": "x"}, "picture-damaged", "damaged"),
        ([], "not-understood", "pillow"),
    ],
)
def test_every_fault_is_final_and_says_what_to_do(answer: object, code: str, words: str) -> None:
    with pytest.raises(StageFailed) as caught:
        seen_in(_finished(answer))
    assert (caught.value.code, caught.value.final) == (code, True)
    assert words in caught.value.message


def test_a_full_disk_is_not_the_files_fault() -> None:
    with pytest.raises(StageFailed) as caught:
        seen_in(_finished({"fault": "no-space"}))
    assert not caught.value.final


def test_a_child_that_crashed_is_the_files_fault() -> None:
    with pytest.raises(StageFailed) as caught:
        seen_in(_finished({"width": 4, "height": 3}, code=-11))
    assert (caught.value.code, caught.value.final) == ("tool-failed", True)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists) | st.binary())
def test_no_answer_breaks_the_reader(answer: object) -> None:
    said = answer if isinstance(answer, bytes) else json.dumps({"fault": answer, "width": answer}).encode()
    with pytest.raises(StageFailed):
        seen_in(Finished("itself", 0, said, 0, ""))


def _jpeg(width: int, height: int, *, before: bytes = b"") -> bytes:
    frame = b"\xff\xc0\x00\x11\x08" + height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return b"\xff\xd8" + before + frame + bytes(20)


@given(st.integers(1, 65535), st.integers(1, 65535), st.binary(max_size=40))
def test_the_size_of_a_jpeg(width: int, height: int, comment: bytes) -> None:
    before = b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment
    assert size_in(_jpeg(width, height, before=before)) == (width, height)


@given(st.binary(max_size=200))
def test_no_bytes_break_the_size(data: bytes) -> None:
    size_in(b"\xff\xd8\xff" + data)
    assert size_in(b"\x89PNG" + data) is None
    assert size_in(_jpeg(0, 7)) is None


def test_only_plain_files_are_taken(tmp_path: Path) -> None:
    one, other = fresh(tmp_path), fresh(tmp_path)
    assert one != other
    assert [*one.iterdir()] == []
    real = one / "real.jpg"
    real.write_bytes(_jpeg(4, 3))
    (one / "link.jpg").symlink_to(real)
    os.mkfifo(one / "pipe.jpg")
    assert jpeg_size(real) == (4, 3)
    for name in ("link.jpg", "pipe.jpg", "absent.jpg"):
        assert jpeg_size(one / name) is None
        assert not is_plain(one / name)
