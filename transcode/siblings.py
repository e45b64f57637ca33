"""What a whole recording says of the camera that made it: enough to read one that lost its index.

Pure; reads box headers and `moov` alone. Every fault of the file is a ValueError.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import BinaryIO

from transcode import avc
from transcode.boxes import Fields, body_of, children, claimed_boxes, size_of

_MOST_FPS, _LONGEST_PICTURE_S = 1000, 60
_MOST_CHUNKS = 1000
_AVC_ENTRY_BYTES, _AUDIO_ENTRY_BYTES = 78, 28


@dataclass(frozen=True, slots=True)
class Sound:
    """The sibling's sound: sample entry ("mp4a" is AAC) and sample rate."""

    codec: str
    rate_hz: int


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a whole recording of the same camera says of its pictures.

    `frame_rate` is by the duration that most frames have. `delimited`: every picture begins with an access
    unit delimiter.
    """

    sequences: tuple[bytes, ...]
    pictures: tuple[bytes, ...]
    length_size: int
    frame_rate: Fraction
    longest_sample: int
    delimited: bool
    sound: Sound | None


def parameters(sibling: BinaryIO) -> Parameters:
    """Read from the index of the seekable MP4 or QuickTime file `sibling`; ValueError if it does not say."""
    for box in claimed_boxes(sibling, 0, size_of(sibling)):
        if box.kind == b"moov":
            return _parameters(sibling, body_of(sibling, box))
    raise ValueError("the sibling has no index either")


def _parameters(file: BinaryIO, moov: bytes) -> Parameters:
    picture: dict[bytes, bytes] | None = None
    configuration = b""
    timescale = 0
    sound: Sound | None = None
    for kind, body in children(moov):
        if kind != b"trak":
            continue
        media = dict(children(_inside(dict(children(body)), b"mdia")))
        handler = _inside(media, b"hdlr")[8:12]
        tables = dict(children(_inside(dict(children(_inside(media, b"minf"))), b"stbl")))
        entry, entry_body = _entry(tables)
        if handler == b"vide" and picture is None and entry in (b"avc1", b"avc3"):
            picture = tables
            configuration = _inside(dict(children(entry_body[_AVC_ENTRY_BYTES:])), b"avcC")
            timescale = _timescale(_inside(media, b"mdhd"))
        elif handler == b"soun" and sound is None and len(entry_body) >= _AUDIO_ENTRY_BYTES:
            sound = Sound(entry.decode("latin-1"), int.from_bytes(entry_body[24:26], "big"))
    if picture is None:
        raise ValueError("the sibling has no H.264 picture")
    length_size, sequences, pictures = _configuration(configuration)
    avc.pictures_of(sequences, pictures)
    return Parameters(
        sequences,
        pictures,
        length_size,
        Fraction(timescale, _nominal_duration(_inside(picture, b"stts"), timescale)),
        _longest(_inside(picture, b"stsz")),
        _delimited(file, picture, length_size),
        sound,
    )


def _delimited(file: BinaryIO, tables: dict[bytes, bytes], length_size: int) -> bool:
    """Whether each chunk begins with a delimiter, as far as chunks are looked into."""
    wide = b"co64" in tables
    fields = Fields(_inside(tables, b"co64" if wide else b"stco"))
    fields.take(4)
    chunks, size = fields.u32(), size_of(file)
    for _ in range(min(chunks, _MOST_CHUNKS)):
        file.seek(min(fields.u64() if wide else fields.u32(), size))
        head = file.read(length_size + 1)
        if len(head) <= length_size or head[-1] & 0x1F != avc.DELIMITER:
            return False
    return chunks > 0


def _inside(found: dict[bytes, bytes], kind: bytes) -> bytes:
    if kind not in found:
        raise ValueError(f"no {kind.decode('latin-1')} box")
    return found[kind]


def _entry(tables: dict[bytes, bytes]) -> tuple[bytes, bytes]:
    entries = children(_inside(tables, b"stsd")[8:])
    if not entries:
        raise ValueError("a track without a sample entry")
    return entries[0]


def _timescale(mdhd: bytes) -> int:
    fields = Fields(mdhd)
    version, _ = fields.version_and_flags()
    fields.take(16 if version else 8)
    return fields.u32()


def _configuration(avcc: bytes) -> tuple[int, tuple[bytes, ...], tuple[bytes, ...]]:
    fields = Fields(avcc)
    head = fields.take(5)
    length_size = (head[4] & 3) + 1
    # A length of one byte cannot be told from sound, and holds no picture.
    if head[0] != 1 or length_size not in (2, 4):
        raise ValueError("an unknown AVC configuration")

    def sets(count: int) -> tuple[bytes, ...]:
        return tuple(fields.take(int.from_bytes(fields.take(2), "big")) for _ in range(count))

    sequences = sets(fields.take(1)[0] & 0x1F)
    return length_size, sequences, sets(fields.take(1)[0])


def _nominal_duration(stts: bytes, timescale: int) -> int:
    """The duration that most samples have; the shorter one of two that are equally frequent."""
    fields = Fields(stts)
    fields.take(4)
    table = fields.take(fields.u32() * 8)
    counts: dict[int, int] = {}
    for count, duration in struct.iter_unpack(">II", table):
        counts[duration] = counts.get(duration, 0) + count
    if not counts or not 0 < timescale < 1 << 31:
        raise ValueError("the sibling's index lists no pictures")
    duration = min(counts, key=lambda one: (-counts[one], one))
    if (
        not duration
        or not timescale
        or not 1 <= timescale * _LONGEST_PICTURE_S // duration <= _MOST_FPS * _LONGEST_PICTURE_S
    ):
        raise ValueError("the sibling has an impossible frame rate")
    return duration


def _longest(stsz: bytes) -> int:
    fields = Fields(stsz)
    fields.take(4)
    constant, count = fields.u32(), fields.u32()
    if constant:
        return constant
    return max((size for (size,) in struct.iter_unpack(">I", fields.take(count * 4))), default=0)
