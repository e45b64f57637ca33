"""H.264 parameter sets and the heads of slices (Rec. ITU-T H.264 §7.3), as far as telling slices apart needs.

Pure; reads a bounded number of bits. Every fault is a ValueError.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SLICE, IDR, SEI, SEQUENCE, PICTURE, DELIMITER = 1, 5, 6, 7, 8, 9

#: A slice's head is read no further than this.
HEAD_BYTES = 64
#: Macroblocks of the largest picture that any level allows.
_MOST_MACROBLOCKS = 139_264
#: Profiles whose sequence parameter sets speak of chroma and scaling.
_HIGH = frozenset({44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244})
_SLICE_TYPES = 10
_P, _B, _I = 0, 1, 2
#: I and SI.
_INTRA = frozenset({2, 4})
_END_OF_REORDERING = 3
#: How many numbers each memory management operation is followed by (§7.3.3.3).
_OPERANDS = (0, 1, 1, 2, 1, 0, 1)
_LONGEST_CODE = 32
_ESCAPED = re.compile(rb"\x00\x00\x03")


class _CutOff(ValueError):
    pass


class _Bits:
    def __init__(self, data: bytes) -> None:
        plain = _ESCAPED.sub(b"\x00\x00", data)
        self._value = int.from_bytes(plain, "big")
        self._left = len(plain) * 8

    def take(self, count: int) -> int:
        if count > self._left:
            raise _CutOff("cut off")
        self._left -= count
        return self._value >> self._left & ((1 << count) - 1)

    def ue(self, most: int = 1 << _LONGEST_CODE) -> int:
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > _LONGEST_CODE:
                raise ValueError("an impossible number")
        value = (1 << zeros) - 1 + self.take(zeros)
        if value > most:
            raise ValueError("an impossible number")
        return value

    def se(self, least: int = -(1 << 31), most: int = 1 << 31) -> int:
        code = self.ue()
        value = (code + 1) // 2 if code & 1 else -(code // 2)
        if not least <= value <= most:
            raise ValueError("an impossible number")
        return value

    def ones_to_the_byte(self) -> bool:
        """Whether nothing but ones is left of this byte."""
        count = self._left % 8
        return self.take(count) == (1 << count) - 1


@dataclass(frozen=True, slots=True)
class Sequence264:
    """What of a sequence parameter set the head of a slice is read with.

    `order_bits` are those of a picture's order count, 0 where it is not counted so; `order_deltas`: a slice
    may correct it.
    """

    number: int
    chroma: int
    colour_planes: bool
    frame_num_bits: int
    order_bits: int
    order_deltas: bool
    gaps: bool
    fields: bool
    macroblocks: int


@dataclass(frozen=True, slots=True)
class Picture264:
    """The same of a picture parameter set; `readable` False: slice groups, whose slices are not read on."""

    within: Sequence264
    cabac: bool
    order_pairs: bool
    readable: bool
    references: tuple[int, int]
    weighted: bool
    weighted_both: bool
    quantiser: int
    deblocking: bool
    redundant: bool


@dataclass(frozen=True, slots=True)
class Slice:
    """The head of a slice, read within a sequence. `both_ways`: it may refer to what is shown later."""

    idr: bool
    reference: bool
    first_macroblock: int
    frame_num: int
    both_ways: bool
    within: Sequence264

    def follows(self, last: Slice) -> bool:
        """Whether this may begin the picture after `last` in decoding order, nothing missing."""
        if self.within.gaps:
            return True
        step = (self.frame_num - last.frame_num) % (1 << self.within.frame_num_bits)
        # Two fields of a picture share their number.
        return step == last.reference or (step == 0 and self.within.fields)

    def continues(self, last: Slice) -> bool:
        """Whether this is a further slice of the picture that `last` belongs to."""
        return (
            self.first_macroblock > last.first_macroblock
            and (self.idr, self.reference) == (last.idr, last.reference)
            and self.frame_num == last.frame_num
        )


def sequence(unit: bytes) -> Sequence264:
    """A sequence parameter set, header byte included."""
    if len(unit) < 4 or unit[0] & 0x9F != SEQUENCE:
        raise ValueError("no sequence parameter set")
    bits = _Bits(unit[4:])
    number = bits.ue(31)
    chroma, planes = 1, False
    if unit[1] in _HIGH:
        chroma = bits.ue(3)
        planes = chroma == 3 and bool(bits.take(1))
        bits.ue()
        bits.ue()
        bits.take(1)
        if bits.take(1):
            _skip_scaling(bits, 12 if chroma == 3 else 8)
    frame_num_bits = bits.ue(12) + 4
    order_bits, order_deltas = _order_count(bits)
    bits.ue()
    gaps = bool(bits.take(1))
    width, height = bits.ue() + 1, bits.ue() + 1
    fields = not bits.take(1)
    macroblocks = width * height * (2 if fields else 1)
    if macroblocks > _MOST_MACROBLOCKS:
        raise ValueError("an impossible sequence parameter set")
    return Sequence264(
        number, 0 if planes else chroma, planes, frame_num_bits, order_bits, order_deltas, gaps, fields,
        macroblocks,
    )  # fmt: skip


def _skip_scaling(bits: _Bits, lists: int) -> None:
    for place in range(lists):
        if not bits.take(1):
            continue
        last = following = 8
        for _ in range(16 if place < 6 else 64):
            if following:
                following = (last + bits.se()) % 256
            last = following or last


def _order_count(bits: _Bits) -> tuple[int, bool]:
    kind = bits.ue(2)
    if kind == 0:
        return bits.ue(12) + 4, False
    if kind == 2:
        return 0, False
    always_zero = bits.take(1)
    bits.se()
    bits.se()
    for _ in range(bits.ue(255)):
        bits.se()
    return 0, not always_zero


def pictures_of(sequences: Sequence[bytes], pictures: Sequence[bytes]) -> dict[int, Picture264]:
    """The picture parameter sets by their numbers; ValueError unless all can be read."""
    known = {one.number: one for one in map(sequence, sequences)}
    found: dict[int, Picture264] = {}
    for unit in pictures:
        if len(unit) < 2 or unit[0] & 0x9F != PICTURE:
            raise ValueError("no picture parameter set")
        bits = _Bits(unit[1:])
        number, refers = bits.ue(255), bits.ue(31)
        if refers not in known:
            raise ValueError("a picture parameter set of an unknown sequence")
        found[number] = _picture(bits, known[refers])
    if not found:
        raise ValueError("no parameter sets")
    return found


def _picture(bits: _Bits, within: Sequence264) -> Picture264:
    cabac, order_pairs = bool(bits.take(1)), bool(bits.take(1))
    if bits.ue(7):
        return Picture264(within, cabac, order_pairs, False, (0, 0), False, False, 0, False, False)
    references = (bits.ue(31) + 1, bits.ue(31) + 1)
    weighted, both = bool(bits.take(1)), bits.take(2)
    quantiser = 26 + bits.se(-62, 25)
    bits.se()
    bits.se()
    deblocking = bool(bits.take(1))
    bits.take(1)
    return Picture264(
        within, cabac, order_pairs, True, references, weighted, both == 1, quantiser, deblocking,
        bool(bits.take(1)),
    )  # fmt: skip


def slice_head(head: bytes, pictures: Mapping[int, Picture264]) -> Slice:
    """The slice whose unit begins with `head`: all of it, or its first `HEAD_BYTES`.

    ValueError where these parameter sets allow no such slice.
    """
    idr, reference = head[0] & 0x1F == IDR, bool(head[0] & 0x60)
    bits = _Bits(head[1:])
    first, kind = bits.ue(), bits.ue(_SLICE_TYPES - 1) % 5
    picture = pictures.get(bits.ue(255))
    if picture is None or first >= picture.within.macroblocks:
        raise ValueError("no slice of these parameter sets")
    within = picture.within
    if within.colour_planes:
        bits.take(2)
    number = bits.take(within.frame_num_bits)
    if idr and (number or kind not in _INTRA or not reference):
        raise ValueError("no slice that begins anew")
    try:
        _read_on(bits, picture, kind, idr=idr, reference=reference)
    except _CutOff:
        if len(head) < HEAD_BYTES:
            raise
    return Slice(idr, reference, first, number, kind == _B, within)


def _read_on(bits: _Bits, picture: Picture264, kind: int, *, idr: bool, reference: bool) -> None:
    """What follows `frame_num` (§7.3.3); ValueError where a value is out of its bounds."""
    within = picture.within
    field = within.fields and bool(bits.take(1))
    if field:
        bits.take(1)
    if idr:
        bits.ue(65_535)
    if within.order_bits:
        bits.take(within.order_bits)
    if within.order_bits or within.order_deltas:
        for _ in range((picture.order_pairs and not field) + within.order_deltas):
            bits.se()
    if picture.redundant:
        bits.ue(127)
    if not picture.readable or kind not in (_P, _B, _I):
        return
    lists = {_P: 1, _B: 2, _I: 0}[kind]
    if kind == _B:
        bits.take(1)
    references = [count * (2 if field else 1) for count in picture.references[:lists]]
    if lists and bits.take(1):
        references = [bits.ue(31) + 1 for _ in range(lists)]
    for _ in range(lists):
        if bits.take(1):
            while bits.ue(3) != _END_OF_REORDERING:
                bits.ue()
    if (kind == _P and picture.weighted) or (kind == _B and picture.weighted_both):
        _weights(bits, references, within.chroma)
    if reference:
        _marking(bits, idr=idr)
    if picture.cabac and lists:
        bits.ue(2)
    # A deeper sample may have a quantiser below zero, down to -36.
    bits.se(-36 - picture.quantiser, 51 - picture.quantiser)
    if picture.deblocking and bits.ue(2) != 1:
        bits.se(-6, 6)
        bits.se(-6, 6)
    if picture.cabac and not bits.ones_to_the_byte():
        raise ValueError("no slice: its data do not begin at a byte")


def _weights(bits: _Bits, references: Sequence[int], chroma: int) -> None:
    bits.ue(7)
    if chroma:
        bits.ue(7)
    for count in references:
        for _ in range(count):
            for values in (1, 2) if chroma else (1,):
                if bits.take(1):
                    for _ in range(2 * values):
                        bits.se(-128, 127)


def _marking(bits: _Bits, *, idr: bool) -> None:
    if idr:
        bits.take(2)
    elif bits.take(1):
        while operation := bits.ue(6):
            for _ in range(_OPERANDS[operation]):
                bits.ue()
