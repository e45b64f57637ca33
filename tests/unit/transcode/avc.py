"""Builds H.264 units bit by bit, for the parameter sets of a real encoder."""

from __future__ import annotations

from fractions import Fraction

from transcode.avc import Picture264, pictures_of
from transcode.siblings import Parameters, Sound

SEQUENCE = bytes.fromhex("6742c00cda05067e7c0440000003004000000c83c50aa8")
PICTURE = bytes.fromhex("68ce0fc8")
_SET: Picture264 = pictures_of([SEQUENCE], [PICTURE])[0]


def known(*, delimited: bool = False, length_size: int = 4) -> Parameters:
    """What a sibling would say."""
    sound = Sound("mp4a", 48_000)
    return Parameters((SEQUENCE,), (PICTURE,), length_size, Fraction(25), 1000, delimited, sound)


def _ue(value: int) -> str:
    digits = f"{value + 1:b}"
    return "0" * (len(digits) - 1) + digits


def coded(number: int, *, idr: bool = False, first: int = 0, reference: bool = True, fill: int = 40) -> bytes:
    """A slice of the picture `number`."""
    within = _SET.within
    bits = _ue(first) + _ue(7 if idr else 5) + _ue(0)
    bits += f"{number % (1 << within.frame_num_bits):0{within.frame_num_bits}b}"
    bits += _ue(0) if idr else ""
    bits += "1" * within.order_bits
    bits += "" if idr else "00"
    bits += ("00" if idr else "0") if reference else ""
    bits += _ue(0)
    bits += _ue(1) if _SET.deblocking else ""
    bits += "1" * (-len(bits) % 8)
    header = 0x65 if idr else 0x41 if reference else 0x01
    return bytes([header]) + int(bits, 2).to_bytes(len(bits) // 8, "big") + b"\xab" * fill + b"\x80"


def sized(*units: bytes, length_size: int = 4) -> bytes:
    """Units as MP4 stores them."""
    return b"".join(len(unit).to_bytes(length_size, "big") + unit for unit in units)
