"""SHA-256 and CRC-32 of bytes as they arrive, with a state that can be saved and resumed."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from rehashes import PySha256

#: rehashes holds the interpreter while it works: more at once would stall every other upload.
_LARGEST_FEED = 1 << 20


class RunningFixity:
    """Digests over a prefix of an upload. Not safe for use from two threads at once."""

    def __init__(self, state: bytes | None = None, crc32: int = 0) -> None:
        self._sha256 = PySha256() if state is None else PySha256.deserialize(state)
        self.crc32 = crc32

    def update(self, pieces: Sequence[bytes]) -> None:
        """Take in the next bytes."""
        for piece in pieces:
            for start in range(0, len(piece), _LARGEST_FEED):
                # A slice of the whole is the object itself, not a copy.
                self._sha256.update(piece[start : start + _LARGEST_FEED])
            self.crc32 = zlib.crc32(piece, self.crc32)

    def state(self) -> bytes:
        """What `__init__` resumes from."""
        return bytes(self._sha256.serialize())

    def hexdigest(self) -> str:
        """SHA-256 so far, lower-case hex; the running state is not disturbed."""
        return str(PySha256.deserialize(self._sha256.serialize()).finalize())
