"""The route follows from codecs and pixel formats."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.canonical import Json
from transcode.containers import Container
from transcode.routes import decide

_MOV = Container("mov", "mov", "recording")


def _stream(index: int, kind: str, codec: str | None, **more: Json) -> dict[str, Json]:
    stream: dict[str, Json] = {"index": index, "codec_type": kind}
    if codec is not None:
        stream["codec_name"] = codec
    if kind == "video":
        stream |= {"width": 640, "height": 360, "pix_fmt": "yuv420p", "profile": "High"}
    return stream | more


def _h264(index: int = 0, **more: Json) -> dict[str, Json]:
    return _stream(index, "video", "h264", **more)


def _aac(index: int = 1, **more: Json) -> dict[str, Json]:
    return _stream(index, "audio", "aac", **more)


@pytest.mark.parametrize(
    ("streams", "route", "selected", "not_shown"),
    [
        ([_h264(), _aac()], "copy", (0, 1), ()),
        ([_aac(0), _h264(1)], "copy", (1, 0), ()),
        ([_h264()], "copy", (0,), ()),
        ([_aac(0)], "copy", (0,), ()),
        ([_h264(pix_fmt="yuvj420p")], "copy", (0,), ()),
        ([_h264(pix_fmt="yuv422p", profile="High 4:2:2")], "transcode", (0,), ()),
        ([_h264(pix_fmt="yuv420p10le", profile="High 10")], "transcode", (0,), ()),
        ([_h264(), _stream(1, "audio", "mp3")], "copy-video", (0, 1), ()),
        ([_h264(), _stream(1, "audio", "pcm_s16le"), _aac(2)], "copy", (0, 2), (1,)),
        ([_h264(), _aac(1), _stream(2, "data", None)], "copy", (0, 1), (2,)),
        ([_h264(), _stream(1, "audio", None)], "copy", (0,), (1,)),
        ([_stream(0, "video", "hevc"), _stream(1, "video", "hevc")], "transcode", (0,), (1,)),
        ([_stream(0, "video", "mjpeg", disposition={"attached_pic": 1}), _aac()], "copy", (1,), (0,)),
        ([_stream(0, "audio", "amr_nb")], "encode-audio", (0,), ()),
        ([_stream(0, "audio", "pcm_s16le", sample_rate="2000")], "encode-audio", (0,), ()),
        ([_stream(0, "audio", "pcm_s16le", sample_rate="0")], "encode-audio", (0,), ()),
        ([_stream(0, "audio", "pcm_s16le", sample_rate="1")], "unplayable", (), (0,)),
        ([_h264(), _aac(1, sample_rate="1")], "copy", (0,), (1,)),
        ([_stream(0, "data", "bin_data")], "unplayable", (), (0,)),
        ([_h264(codec_tag_string="encv"), _aac()], "unplayable", (0, 1), ()),
        ([_h264(width=0)], "unplayable", (0,), ()),
        ([], "unplayable", (), ()),
    ],
)
def test_routes(
    streams: list[Json], route: str, selected: tuple[int, ...], not_shown: tuple[int, ...]
) -> None:
    decision = decide({"streams": streams}, _MOV)
    assert (decision.route, decision.selected, decision.not_shown) == (route, selected, not_shown)
    assert decision.reason.endswith(".")


def test_sound_that_no_recorder_writes_is_said_to_be_damaged() -> None:
    reason = decide({"streams": [_stream(0, "audio", "pcm_s16le", sample_rate="1")]}, _MOV).reason
    assert "fewer than 2000 samples a second" in reason


def test_a_picture_has_nothing_to_play() -> None:
    picture = Container("jpeg", "jpeg_pipe", "picture")
    assert decide({"streams": [_stream(0, "video", "mjpeg")]}, picture).route == "none"
    assert decide({"streams": []}, picture).route == "unplayable"


_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.integers() | st.text() | st.booleans(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from(
                ["streams", "index", "codec_type", "codec_name", "width", "height", "pix_fmt", "disposition"]
            ),
            inner | st.sampled_from(["video", "audio", "h264", "aac"]),
        )
    ),
)


@given(st.fixed_dictionaries({"streams": st.lists(_JSON)}) | _JSON)
def test_no_description_breaks_the_decision(data: Any) -> None:
    decision = decide(data, None)
    assert not set(decision.selected) & set(decision.not_shown)
