"""The certificates of an RFC 3161 answer in the order that DER gives a set (X.690 §11.6). Pure.

No signature is over that order, and programs that make tokens keep the one in which they were given
certificates; the library that reads tokens takes none but DER's. Shares no code with the server.
"""

from __future__ import annotations

_CERTIFICATES = 0xA0


def in_order(answer: bytes) -> bytes:
    """The same answer with its certificates in that order; what is no such answer comes back as it is."""
    try:
        if _after(answer, 0) != len(answer):
            return answer
        place = _inside(answer, 0)
        place = _inside(answer, _after(answer, place))
        signed = _inside(answer, _inside(answer, _after(answer, place)))
        for _ in ("version", "digests", "content"):
            signed = _after(answer, signed)
        if answer[signed] != _CERTIFICATES:
            return answer
        begins, end = _inside(answer, signed), _after(answer, signed)
        held = []
        place = begins
        while place < end:
            held.append(answer[place : _after(answer, place)])
            place = _after(answer, place)
    except IndexError:
        return answer
    return answer if place != end else answer[:begins] + b"".join(sorted(held)) + answer[end:]


def _length(data: bytes, at: int) -> tuple[int, int]:
    """Where the value begins whose tag is at `at`, and how long it is."""
    short, begins = data[at + 1], at + 2
    if short < 0x80:
        return begins, short
    count = short - 0x80
    return begins + count, int.from_bytes(data[begins : begins + count], "big")


def _inside(data: bytes, at: int) -> int:
    return _length(data, at)[0]


def _after(data: bytes, at: int) -> int:
    begins, length = _length(data, at)
    if begins + length > len(data):
        raise IndexError(at)
    return begins + length
