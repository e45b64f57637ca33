"""Seeded damage to files: what a dying card, a bad copy or a hostile hand makes of a recording."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

_BOXES = (
    b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"stts", b"stsz", b"stco", b"stsc", b"mdat",
    b"ftyp", b"avc1", b"avcC", b"esds", b"mp4a", b"udta", b"meta", b"LIST", b"hdrl", b"strh", b"strf",
    b"movi", b"idx1", b"data", b"fmt ",
)  # fmt: skip


def _flip_bits(data: bytearray, draw: random.Random) -> None:
    for _ in range(draw.choice((1, 8, 64, 512))):
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)


def _flip_in_the_head(data: bytearray, draw: random.Random) -> None:
    for _ in range(draw.randint(1, 16)):
        data[draw.randrange(min(len(data), 2048))] = draw.choice((0, 0xFF, 0x7F, 0x80, draw.randrange(256)))


def _cut_off(data: bytearray, draw: random.Random) -> None:
    del data[draw.randrange(1, len(data)) :]


def _cut_out(data: bytearray, draw: random.Random) -> None:
    start, end = _span(data, draw)
    del data[start:end]


def _zero(data: bytearray, draw: random.Random) -> None:
    start, end = _span(data, draw)
    data[start:end] = bytes(end - start)


def _double(data: bytearray, draw: random.Random) -> None:
    start, end = _span(data, draw)
    place = draw.randrange(len(data))
    data[place:place] = data[start:end]


def _resize_boxes(data: bytearray, draw: random.Random) -> None:
    """The four bytes before a box's name are its length in MP4, those behind it in RIFF."""
    names = [name for name in _BOXES if name in data]
    for name in draw.sample(names, min(len(names), draw.randint(1, 3))):
        place = data.find(name)
        value = draw.choice(
            (0, 1, 7, 8, 0x7FFFFFFF, 0xFFFFFFFF, draw.randrange(1 << 32), draw.randrange(4096))
        )
        at = max(0, place - 4) if draw.random() < 0.7 else place + draw.choice((4, 8, 12))
        data[at : at + 4] = value.to_bytes(4, draw.choice(("big", "little")))


def _span(data: bytearray, draw: random.Random) -> tuple[int, int]:
    start = draw.randrange(len(data))
    return start, min(len(data), start + draw.choice((4, 188, 4096, 65_536)))


_MUTATIONS: Sequence[Callable[[bytearray, random.Random], None]] = (
    _flip_bits, _flip_in_the_head, _cut_off, _cut_out, _zero, _double, _resize_boxes, _resize_boxes,
)  # fmt: skip


def mutated(sources: Sequence[bytes], number: int, seed: int) -> bytes:
    """The `number`-th damaged file: one source, or two spliced, with one to three kinds of damage."""
    draw = random.Random(seed << 32 | number)
    data = bytearray(draw.choice(sources))
    if draw.random() < 0.1:
        other = draw.choice(sources)
        data = data[: draw.randrange(1, len(data))] + bytearray(other[draw.randrange(len(other)) :])
    for mutation in draw.choices(_MUTATIONS, k=draw.choice((1, 1, 2, 3))):
        if data:
            mutation(data, draw)
    return bytes(data)
