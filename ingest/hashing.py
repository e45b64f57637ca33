"""SHA-256 and CRC-32 of bytes as they arrive, with a state that can be saved and resumed."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from ingest.sha256 import Sha256


class RunningFixity:
    """Digests over a prefix of an upload. Not safe for use from two threads at once."""

    def __init__(self, state: bytes | None = None, crc32: int = 0) -> None:
        self._sha256 = Sha256(state)
        self.crc32 = crc32

    def update(self, pieces: Sequence[bytes]) -> None:
        """Take in the next bytes."""
        for piece in pieces:
            self._sha256.update(piece)
            self.crc32 = zlib.crc32(piece, self.crc32)

    def state(self) -> bytes:
        """What `__init__` resumes from."""
        return self._sha256.state()

    def hexdigest(self) -> str:
        """SHA-256 so far, lower-case hex; the running state is not disturbed."""
        return self._sha256.hexdigest()
