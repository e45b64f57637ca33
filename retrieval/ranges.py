"""The Range header (RFC 9110 §14), pure and bounded."""

from __future__ import annotations

import re

from evidence.errors import CustosError
from evidence.ranges import ByteRange

_SPEC = re.compile(r"(\d{0,19})-(\d{0,19})")
_MOST = 64


class Unsatisfiable(CustosError):
    """No byte of what was asked for exists (416)."""

    def __init__(self) -> None:
        super().__init__("range-not-satisfiable", "The file has no such bytes.")


def parse_range(header: str | None, size: int) -> list[ByteRange] | None:
    """Half-open ranges in the order asked for, or None to send everything.

    None for no header, another unit or bad syntax: RFC 9110 lets a server ignore those, and it ignores
    more than 64 ranges or ranges that overlap twice over, which only an attack asks for. Raises
    Unsatisfiable when no range holds a byte.
    """
    if header is None or not header.startswith("bytes="):
        return None
    specs = [spec.strip() for spec in header.removeprefix("bytes=").split(",") if spec.strip()]
    if not specs or len(specs) > _MOST:
        return None
    found: list[ByteRange] = []
    for spec in specs:
        match = _SPEC.fullmatch(spec)
        if match is None or spec == "-":
            return None
        first, last = match.groups()
        if first and last and int(last) < int(first):
            return None
        start, end = _bounds(first, last, size)
        if start < end:
            found.append((start, end))
    if not found:
        raise Unsatisfiable
    if sum(end - start for start, end in found) > 2 * size:
        return None
    return found


def _bounds(first: str, last: str, size: int) -> ByteRange:
    if not first:
        return max(size - int(last), 0), size
    return int(first), min(int(last) + 1, size) if last else size
