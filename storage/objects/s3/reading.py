"""An object as a file: read by ranges that grow while somebody reads on, so that nothing is held whole."""

from __future__ import annotations

import io
import logging
import re
from typing import Any, BinaryIO, cast

from botocore.exceptions import BotoCoreError

from evidence.errors import Unavailable
from evidence.ports.objects import NotStored
from storage.objects.s3.client import Bucket, unavailable

_log = logging.getLogger(__name__)
_FIRST_RANGE = 1 << 20
_LONGEST_RANGE = 64 << 20
_BUFFER = 1 << 20
_TRIES = 4
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


def open_object(bucket: Bucket, key: str, version: str, size: int) -> BinaryIO:
    """A seekable file over exactly this version. Reading raises Unavailable, NotStored."""
    return cast(BinaryIO, io.BufferedReader(_Ranges(bucket, key, version, size), _BUFFER))


def open_span(bucket: Bucket, key: str, version: str, span: tuple[int, int]) -> BinaryIO:
    """The same where it is known what will be read first: asked for at once, with the only request.

    Without a version the newest is meant, and stays meant for all that is read. Raises NotStored,
    Unavailable, and ValueError for a span that the object does not have.
    """
    start, end = span[0], min(span[1], span[0] + _LONGEST_RANGE)
    wanted = {"Key": key, "VersionId": version} if version else {"Key": key}
    answer = bucket.ask("get_object", Range=f"bytes={start}-{end - 1}", **wanted)
    told = _CONTENT_RANGE.fullmatch(answer.get("ContentRange", ""))
    if told is None or (int(told[1]), int(told[2])) != (start, end - 1):
        answer["Body"].close()
        raise ValueError("no such span")
    ranges = _Ranges(bucket, key, answer.get("VersionId", version), int(told[3]))
    ranges.begin_with(answer["Body"], start, end)
    return cast(BinaryIO, io.BufferedReader(ranges, _BUFFER))


class _Ranges(io.RawIOBase):
    """Each range is asked for when it is reached: a jump costs one request, reading on few."""

    def __init__(self, bucket: Bucket, key: str, version: str, size: int) -> None:
        self._bucket = bucket
        self._wanted = {"Key": key, "VersionId": version} if version else {"Key": key}
        self._size = size
        self._at = 0
        self._body: Any = None
        self._body_at = self._body_end = 0
        self._range = _FIRST_RANGE

    def begin_with(self, body: Any, start: int, end: int) -> None:
        """A range that is here already."""
        self._body, self._body_at, self._body_end = body, start, end
        self._range = max(_FIRST_RANGE, end - start)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError("before the beginning")
        self._at = base + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        wanted = min(len(view), self._size - self._at)
        if wanted <= 0:
            return 0
        for left in reversed(range(_TRIES)):
            try:
                read = self._read(view[:wanted])
            except (BotoCoreError, Unavailable) as error:
                self._drop()
                if not left:
                    raise unavailable() from error
                _log.info("a range of the store broke off and is asked for again: %s", error)
                continue
            self._at += read
            self._body_at = self._at
            return read
        raise AssertionError

    def close(self) -> None:
        self._drop()
        super().close()

    def _read(self, view: memoryview) -> int:
        if self._body is None or self._body_at != self._at or self._at >= self._body_end:
            self._begin()
        read: int = self._body.readinto(view[: self._body_end - self._at])
        if not read:
            raise unavailable()
        return read

    def _begin(self) -> None:
        goes_on = self._at == self._body_end and self._at > 0
        self._range = min(self._range * 2, _LONGEST_RANGE) if goes_on else _FIRST_RANGE
        self._drop()
        end = min(self._at + self._range, self._size)
        answer = self._bucket.ask("get_object", Range=f"bytes={self._at}-{end - 1}", **self._wanted)
        self._body, self._body_at, self._body_end = answer["Body"], self._at, end
        if answer["ContentLength"] != end - self._at:
            raise NotStored

    def _drop(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None
