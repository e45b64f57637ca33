"""What filters print becomes marks on a time line."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evidence.canonical import canonical
from transcode.findings import (
    MOST_MARKS,
    PEAK_HIGHEST,
    analysis,
    loudness,
    moments,
    peaks,
    silent_until,
    stretches,
)


def _frames(*values: tuple[str, str]) -> str:
    return "".join(f"frame:7    pts:7    pts_time:{at}\nlavfi.x={value}\n" for at, value in values)


def test_marks_stand_where_the_filter_saw_them() -> None:
    assert moments(_frames(("0.5", "0.25"), ("1", "0.75"), ("2", "0.75"))) == [250_000, 750_000]


def test_what_goes_on_at_the_end_lasts_until_the_end() -> None:
    starts, ends = _frames(("3", "1"), ("9", "8.5")), _frames(("3", "2.5"))
    assert stretches(starts, ends, 10_000_000) == [[1_000_000, 2_500_000], [8_500_000, 10_000_000]]
    assert stretches(starts, ends, None) == [[1_000_000, 2_500_000]]
    assert stretches("", ends, 10_000_000) == []


def test_each_window_has_its_highest_peak() -> None:
    text = _frames(("0", "-inf"), ("0.02", "-6.0206"), ("0.11", "0.000000"), ("0.31", "-20"), ("7", "0"))
    assert peaks(text, 100_000, 350_000) == [127, PEAK_HIGHEST, 0, 26]
    assert peaks("", 100_000, 350_000) == []


def test_loudness_is_what_was_said_last() -> None:
    assert loudness(_frames(("0", "-70.000"), ("1", "-23.1"), ("2", "-22.987"))) == "-22.987"
    assert loudness(_frames(("0", "-70.000"))) is None
    assert loudness("") is None


def test_what_was_not_looked_for_is_not_said_to_be_absent() -> None:
    found = analysis({"loudness": ""}, every_frame=True, window_us=1, length_us=None)
    assert found["scenes_us"] is None
    assert found["black_us"] is None
    found = analysis({"scenes": "", "black-starts": ""}, every_frame=False, window_us=1, length_us=None)
    assert (found["scenes_us"], found["black_us"], found["freeze_us"]) == ([], [], None)
    assert found["pictures_from"] == "keyframes"


_LINES = st.lists(
    st.one_of(
        st.text(max_size=30),
        st.builds("frame:0 pts:1 pts_time:{}".format, st.one_of(st.floats(), st.text(max_size=9))),
        st.builds("lavfi.x={}".format, st.one_of(st.floats(), st.integers(), st.text(max_size=9))),
    ),
    max_size=40,
).map("\n".join)


@given(_LINES, _LINES, st.one_of(st.none(), st.integers(0, 10**12)))
def test_whatever_is_printed_the_answer_is_sane(one: str, other: str, length_us: int | None) -> None:
    names = ("scenes", "black-starts", "black-ends", "silence-starts", "loudness")
    files = dict.fromkeys(names, one) | {"black-ends": other}
    found = analysis(files, every_frame=True, window_us=50_000, length_us=length_us)
    canonical(found)
    for start, end in found["black_us"]:  # type: ignore[union-attr,misc]
        assert 0 <= start < end
    scenes = found["scenes_us"]
    assert scenes == sorted(set(scenes))  # type: ignore[arg-type]
    assert len(scenes) <= MOST_MARKS  # type: ignore[arg-type]


def test_how_far_it_is_silent_from_its_beginning() -> None:
    assert silent_until({"silence_us": None}) is None
    assert silent_until({"silence_us": []}) == 0
    assert silent_until({"silence_us": [[0, 18_000_000], [20_000_000, 21_000_000]]}) == 18_000_000
    assert silent_until({"silence_us": [[2_000_000, 18_000_000]]}) == 0
