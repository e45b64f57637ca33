"""Putting a bag together: small files into one file on disk, large ones by where they lie in the store.

What is made here is only what the archive is made of later: no archive is ever written to a disk.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO

from evidence.bags import DECLARATION, Sums, bag_info, manifests
from evidence.exports import PlannedFile

_PIECE = 1 << 20
PAYLOAD = "data/"


@dataclass(frozen=True, slots=True)
class _Place:
    key: str
    offset: int
    version: str = ""


def sums_of(data: bytes) -> Sums:
    """What proves these bytes."""
    return Sums(
        len(data),
        zlib.crc32(data),
        hashlib.sha256(data).hexdigest(),
        hashlib.sha512(data).hexdigest(),
        hashlib.new("sm3", data).hexdigest(),
    )


def sums_from(file: BinaryIO) -> Sums:
    """The same of what is left to read of a file. Blocking."""
    digests = [hashlib.new(name) for name in ("sha256", "sha512", "sm3")]
    size = crc32 = 0
    while piece := file.read(_PIECE):
        size += len(piece)
        crc32 = zlib.crc32(piece, crc32)
        for digest in digests:
            digest.update(piece)
    return Sums(size, crc32, *(digest.hexdigest() for digest in digests))


class BagWriter:
    """A bag on its way. Blocking: call it off the event loop, from one thread at a time."""

    def __init__(self, file: BinaryIO, key: str) -> None:
        """`file` takes the small files; it will lie in the store under `key`."""
        self._file = file
        self._key = key
        self._sums: dict[str, Sums] = {}
        self._places: dict[str, _Place] = {}
        self._at = 0

    def add(self, path: str, data: bytes) -> None:
        """A file of these bytes; ValueError for a path that is there already."""
        self._put(path, sums_of(data), _Place(self._key, self._at))
        self._file.write(data)
        self._at += len(data)

    def refer(self, path: str, key: str, sums: Sums, version: str = "") -> None:
        """A file that lies in the store under `key`; ValueError for a path that is there already."""
        self._put(path, sums, _Place(key, 0, version))

    @property
    def payload(self) -> Mapping[str, Sums]:
        """What lies below `data/` so far."""
        return {path: sums for path, sums in self._sums.items() if path.startswith(PAYLOAD)}

    def finish(self, directory: str, about: Mapping[str, str]) -> tuple[tuple[PlannedFile, ...], str]:
        """Write what makes it a bag, `about` in its bag-info.txt.

        Returns its files below `directory`, what is small first, and the SHA-256 of tagmanifest-sha256.txt.
        """
        self.add("bagit.txt", DECLARATION)
        self.add("bag-info.txt", bag_info(self.payload.values(), about))
        for path, data in manifests(self.payload).items():
            self.add(path, data)
        tags = {path: sums for path, sums in self._sums.items() if not path.startswith(PAYLOAD)}
        for path, data in manifests(tags, tags=True).items():
            self.add(path, data)
        ordered = sorted(self._sums, key=lambda path: (path.startswith(PAYLOAD), path))
        files = tuple(
            PlannedFile(
                f"{directory}/{path}",
                self._sums[path].size,
                self._sums[path].crc32,
                self._places[path].key,
                self._places[path].offset,
                self._places[path].version,
            )
            for path in ordered
        )
        return files, self._sums["tagmanifest-sha256.txt"].sha256

    def _put(self, path: str, sums: Sums, place: _Place) -> None:
        if path in self._sums:
            raise ValueError(f"{path} is in the bag already")
        self._sums[path] = sums
        self._places[path] = place
