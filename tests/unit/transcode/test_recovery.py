"""Pictures are told from sound without an index, damage costs what is damaged, and every search ends."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.transcode import avc, mp4
from transcode import recovery
from transcode.avc import pictures_of, sequence, slice_head
from transcode.recovery import START_CODE, Recovered, recover
from transcode.siblings import Parameters, parameters

_KEY = avc.coded(0, idr=True)
_DELIMITER = b"\x09\xf0"
_MESSAGE = b"\x06\x05\x04abcd\x80"
_SOUND = bytes(range(1, 256)) * 3


class _Counted(io.BytesIO):
    """Counts what is read of it."""

    bytes_read = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.bytes_read += len(data)
        return data


def _recovered(data: bytes, known: Parameters | None = None) -> tuple[Recovered, list[bytes]]:
    out = io.BytesIO()
    found = recover(io.BytesIO(data), known or avc.known(), out)
    return found, out.getvalue().split(START_CODE)[1:]


def _group(pictures: int) -> list[bytes]:
    return [avc.coded(number, idr=number == 0) for number in range(pictures)]


def _with_sound(units: Sequence[bytes], length_size: int = 4) -> bytes:
    return b"".join(avc.sized(unit, length_size=length_size) + _SOUND for unit in units)


@pytest.mark.parametrize("length_size", [2, 4])
def test_pictures_are_found_between_sound(length_size: int) -> None:
    units = _group(20) + _group(3)
    data = mp4.box(b"ftyp", bytes(8)) + mp4.box(b"mdat", _with_sound(units, length_size))
    found, written = _recovered(data, avc.known(length_size=length_size))
    sets = [avc.SEQUENCE, avc.PICTURE]
    assert written == [*sets, *units[:20], *sets, *units[20:]]
    used = sum(map(len, units)) + len(units) * length_size
    assert found == Recovered(23, 2, 0, False, used, len(_SOUND) * len(units), True)


@pytest.mark.parametrize("length", [0, 8, 0xFFFFFFFF])
def test_a_length_that_was_never_filled_in_says_nothing(length: int) -> None:
    header = mp4.box(b"ftyp", bytes(8)) + length.to_bytes(4, "big") + b"mdat"
    assert _recovered(header + _with_sound(_group(5)))[0].pictures == 5


def test_without_any_box_the_search_begins_with_the_file() -> None:
    found, _ = _recovered(b"\xff" * 1000 + _with_sound(_group(5)))
    assert (found.pictures, found.bytes_passed_over) == (5, 1000 + 5 * len(_SOUND))


def test_what_leads_a_picture_stays_in_the_order_that_is_asked_for() -> None:
    data = avc.sized(_DELIMITER, avc.SEQUENCE, avc.PICTURE, _MESSAGE, _KEY)
    found, written = _recovered(data)
    assert written == [_DELIMITER, avc.SEQUENCE, avc.PICTURE, _MESSAGE, _KEY]
    assert (found.bytes_used, found.bytes_passed_over) == (len(data), 0)


def test_what_leads_to_nothing_is_passed_over() -> None:
    found, written = _recovered(avc.sized(_DELIMITER, _MESSAGE) + _SOUND + avc.sized(_KEY))
    assert written == [avc.SEQUENCE, avc.PICTURE, _KEY]
    assert found.bytes_used == len(avc.sized(_KEY))


def test_nothing_is_used_before_the_first_keyframe() -> None:
    found, _ = _recovered(_with_sound([avc.coded(3), avc.coded(4), avc.coded(5), *_group(4)]))
    assert (found.pictures, found.breaks) == (4, 0)


def test_slices_of_one_picture_are_one_picture() -> None:
    units = [
        *(avc.coded(0, idr=True), avc.coded(0, idr=True, first=9)),
        *(avc.coded(1), avc.coded(1, first=9), avc.coded(1, first=5), avc.coded(3, first=9)),
    ]
    found, written = _recovered(_with_sound(units))
    assert found.pictures == 2
    assert written[2:] == units[:4]


def test_pictures_without_successors_share_a_number() -> None:
    units = [_KEY, avc.coded(1), avc.coded(2, reference=False), avc.coded(2, reference=False), avc.coded(2)]
    assert _recovered(_with_sound(units))[0].pictures == 5
    assert _recovered(_with_sound([_KEY, avc.coded(1), avc.coded(1)]))[0].pictures == 2


def test_after_damage_the_order_begins_anew_with_two_that_follow_each_other() -> None:
    units = _group(12)
    found, written = _recovered(_with_sound(units[:4]) + b"\xee" * 5000 + _with_sound(units[7:]))
    assert (found.pictures, found.breaks) == (8, 1)
    assert written[2:] == [*units[:4], *units[8:]]


def test_a_slice_out_of_order_is_taken_for_sound() -> None:
    units = _group(6)
    found, written = _recovered(_with_sound([*units[:3], avc.coded(9), *units[3:]]))
    assert (found.pictures, found.breaks) == (6, 0)
    assert written[2:] == units


def test_where_every_picture_is_delimited_only_those_are_pictures() -> None:
    real = [avc.sized(_DELIMITER, unit) for unit in _group(3)]
    data = real[0] + _SOUND + avc.sized(avc.coded(1, fill=3)) + _SOUND + real[1] + real[2]
    assert _recovered(data, avc.known(delimited=True))[1][-1] == avc.coded(2)


@pytest.mark.parametrize(
    "unit",
    [
        avc.coded(1) + b"\0",
        avc.coded(1) + b"\0\0\1\x80",
        b"\xc1" + avc.coded(1)[1:],
        b"\x41" + b"\0" * 40 + b"\x80",
        avc.coded(1, first=100_000),
        b"\x41",
    ],
)
def test_what_can_be_no_slice_is_passed_over(unit: bytes) -> None:
    found, _ = _recovered(avc.sized(_KEY, unit))
    assert (found.pictures, found.bytes_passed_over) == (1, len(unit) + 4)


def test_a_unit_that_is_cut_off_is_passed_over() -> None:
    data = avc.sized(_KEY, avc.coded(1), avc.coded(2))
    assert _recovered(data[:-1])[0].pictures == 2


def test_large_units_and_pieces() -> None:
    units = [avc.coded(0, idr=True, fill=3 << 20), *(avc.coded(n, fill=700_000) for n in range(1, 6))]
    known = replace(avc.known(), longest_sample=1 << 20)
    found, written = _recovered(_with_sound(units), known)
    assert written[2:] == units
    forbidden = avc.coded(1, fill=(1 << 20) - 30) + b"\0\0\1" * 30 + b"\x80"
    assert found.pictures == 6
    assert _recovered(avc.sized(_KEY, forbidden))[0].pictures == 1


@given(st.binary(max_size=3000), st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=8))
def test_any_bytes_and_any_damage_are_accounted_for(noise: bytes, flips: list[tuple[int, int]]) -> None:
    data = bytearray(noise + _with_sound(_group(3)) + noise)
    for place, value in flips:
        data[place % len(data)] = value
    out = io.BytesIO()
    found = recover(io.BytesIO(bytes(data)), avc.known(), out)
    assert 0 <= found.bytes_used + found.bytes_passed_over <= len(data)
    sets = len(avc.SEQUENCE) + len(avc.PICTURE) + 8
    assert len(out.getvalue()) <= 2 * found.bytes_used + sets
    assert found.keyframes <= found.pictures


_HOSTILE = (
    b"\0\0\0\x41\x65" + avc.coded(0, idr=True)[1:9],
    b"\0\x0f\xff\xff" + avc.coded(1)[:12],
    b"\0\x0f\xff\xff" + _KEY[:12],
    b"\0\0\0\2\x09\xf0",
    b"\0\0\xff\xff\x06\x05\xff\xff\x80",
    b"\0\0\0\x17" + avc.SEQUENCE[:9],
    b"\0",
)


@pytest.mark.parametrize("pattern", _HOSTILE)
@pytest.mark.parametrize("size", [100_000, 1_000_000])
def test_no_input_is_read_more_than_a_few_times_for_each_of_its_bytes(pattern: bytes, size: int) -> None:
    file = _Counted((avc.sized(_KEY) + pattern * (size // len(pattern)))[:size])
    recover(file, avc.known(), io.BytesIO())
    assert file.bytes_read < 70 * size


def test_the_search_is_given_up_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "MOST_TRIES", 10)
    found, _ = _recovered(avc.sized(_KEY) + _HOSTILE[1] * 100)
    assert (found.pictures, found.whole) == (1, False)


@given(st.binary(max_size=200))
def test_any_parameter_sets_and_slices_end_in_a_value_error_or_a_meaning(data: bytes) -> None:
    sets = pictures_of([avc.SEQUENCE], [avc.PICTURE])
    for reader in (
        lambda: sequence(b"\x67\x64" + data),
        lambda: pictures_of([b"\x67" + data], [avc.PICTURE]),
        lambda: pictures_of([avc.SEQUENCE], [b"\x68" + data]),
        lambda: slice_head(b"\x41" + data, sets),
        lambda: slice_head(b"\x65" + data, sets),
    ):
        try:
            reader()
        except ValueError:
            continue


def _sibling(
    stts: bytes, avcc: bytes | None = None, chunk: int = 0, entry: bytes = b"avc1", timescale: int = 12_800
) -> bytes:
    def sets(unit: bytes) -> bytes:
        return b"\x01" + len(unit).to_bytes(2, "big") + unit

    if avcc is None:
        # The three upper bits beside a count are set.
        avcc = b"\1\x42\xc0\x0c\xff" + b"\xe1" + sets(avc.SEQUENCE)[1:] + sets(avc.PICTURE)
    stbl = mp4.box(
        b"stbl",
        mp4.box(b"stsd", bytes(8), mp4.box(entry, bytes(78), mp4.box(b"avcC", avcc))),
        mp4.box(b"stts", bytes(4), (len(stts) // 8).to_bytes(4, "big"), stts),
        mp4.box(b"stsz", bytes(8), (2).to_bytes(4, "big"), (70).to_bytes(4, "big"), (50).to_bytes(4, "big")),
        mp4.box(b"stco", bytes(4), (1).to_bytes(4, "big"), chunk.to_bytes(4, "big")),
    )
    media = mp4.box(
        b"mdia",
        mp4.box(b"mdhd", bytes(12), timescale.to_bytes(4, "big"), bytes(8)),
        mp4.box(b"hdlr", bytes(8), b"vide", bytes(12)),
        mp4.box(b"minf", stbl),
    )
    return mp4.box(b"moov", mp4.box(b"trak", media))


def _durations(*pairs: tuple[int, int]) -> bytes:
    return b"".join(value.to_bytes(4, "big") for pair in pairs for value in pair)


def test_a_sibling_says_what_most_of_its_frames_are() -> None:
    moov = _sibling(_durations((3, 500), (90, 512), (1, 9000)))
    found = parameters(io.BytesIO(moov + avc.sized(_DELIMITER)))
    assert (found.sequences, found.pictures, found.length_size) == ((avc.SEQUENCE,), (avc.PICTURE,), 4)
    assert (found.frame_rate, found.longest_sample, found.sound) == (25, 70, None)
    assert not found.delimited
    moov = _sibling(_durations((90, 512)), chunk=len(moov) - 16)
    assert parameters(io.BytesIO(moov + avc.sized(_DELIMITER))).delimited


@pytest.mark.parametrize(
    "data",
    [
        b"",
        mp4.box(b"mdat", bytes(100)),
        mp4.box(b"moov"),
        _sibling(b""),
        _sibling(_durations((1, 0))),
        _sibling(_durations((1, 1))),
        _sibling(_durations((1, 2**32 - 1))),
        _sibling(_durations((1, 512)), timescale=0),
        _sibling(_durations((1, 512)), entry=b"hvc1"),
        _sibling(_durations((1, 512)), avcc=b"\1\x42\xc0\x0c\xff\xe0\0"),
        _sibling(_durations((1, 512)), avcc=b"\1\x42\xc0\x0c\xfc\xe1"),
        _sibling(_durations((1, 512)))[:-30],
    ],
)
def test_a_sibling_that_does_not_say_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError):
        parameters(io.BytesIO(data))


_WHOLE = _sibling(_durations((90, 512)))


@given(st.lists(st.tuples(st.integers(0, len(_WHOLE) - 1), st.integers(0, 255)), min_size=1, max_size=12))
def test_a_damaged_sibling_does_no_worse_than_a_value_error(flips: list[tuple[int, int]]) -> None:
    data = bytearray(_WHOLE)
    for place, value in flips:
        data[place] = value
    try:
        found = parameters(io.BytesIO(bytes(data)))
    except ValueError:
        return
    assert found.frame_rate > 0
