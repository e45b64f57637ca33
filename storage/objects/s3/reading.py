"""An object as a file: read by ranges that grow while somebody reads on, so that nothing is held whole."""

from __future__ import annotations

import io
import logging
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


def open_object(bucket: Bucket, key: str, version: str, size: int) -> BinaryIO:
    """A seekable file over exactly this version. Reading raises Unavailable, NotStored."""
    return cast(BinaryIO, io.BufferedReader(_Ranges(bucket, key, version, size), _BUFFER))


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
                data = self._read(wanted)
            except (BotoCoreError, Unavailable) as error:
                self._drop()
                if not left:
                    raise unavailable() from error
                _log.info("a range of the store broke off and is asked for again: %s", error)
                continue
            view[: len(data)] = data
            self._at += len(data)
            self._body_at = self._at
            return len(data)
        raise AssertionError

    def close(self) -> None:
        self._drop()
        super().close()

    def _read(self, wanted: int) -> bytes:
        if self._body is None or self._body_at != self._at or self._at >= self._body_end:
            self._begin()
        data: bytes = self._body.read(min(wanted, self._body_end - self._at))
        if not data:
            raise unavailable()
        return data

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
