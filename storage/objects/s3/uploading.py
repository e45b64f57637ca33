"""Bytes from the staging disk into the bucket, each part with its SHA-256, which the store checks.

What is sent is hashed as it is read: a staged file that is not what was accepted becomes no object.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from typing import Any

from evidence.errors import CustosError, Unavailable
from storage.objects.s3.client import Bucket, InTheWay

_log = logging.getLogger(__name__)
_MIB = 1 << 20
#: Smaller ones go in one request.
_WHOLE = 16 * _MIB
_PART = 16 * _MIB
_MOST_PARTS = 10_000
#: So many parts are in memory and on their way at once.
_AT_ONCE = 4


#: The mode in which nobody shortens a lock, the bucket's owner included.
COMPLIANCE = "COMPLIANCE"


def lock_arguments(locked_until: datetime) -> dict[str, Any]:
    """What locks an object with the request that makes it."""
    return {"ObjectLockMode": COMPLIANCE, "ObjectLockRetainUntilDate": locked_until}


def put(bucket: Bucket, key: str, data: bytes, arguments: dict[str, Any]) -> str:
    """Store these bytes in one request; the version that it made. Raises InTheWay."""
    once = _creates_unchecked(bucket, arguments)
    return str(bucket.send("put_object", data, once=once, Key=key, **arguments)["VersionId"])


def upload(
    bucket: Bucket, key: str, descriptor: int, size: int, sha256: str | None, arguments: dict[str, Any]
) -> str:
    """Store `size` bytes of the open file under `key`, in one request or in parts; the version that it made.

    `arguments` are those of the object: lock, condition. Raises InTheWay where the condition does not hold,
    Unavailable("staged-changed") if the bytes do not have that digest; then nothing is stored.
    """
    if size <= _WHOLE:
        data = _read(descriptor, 0, size)
        _require(hashlib.sha256(data), sha256)
        return put(bucket, key, data, arguments)
    return str(_in_parts(bucket, key, descriptor, size, sha256, arguments)["VersionId"])


def _in_parts(
    bucket: Bucket, key: str, descriptor: int, size: int, sha256: str | None, arguments: dict[str, Any]
) -> Any:
    condition = {name: arguments[name] for name in ("IfNoneMatch",) if name in arguments}
    of_object = {name: value for name, value in arguments.items() if name not in condition}
    begun = bucket.ask("create_multipart_upload", Key=key, ChecksumAlgorithm="SHA256", **of_object)
    upload_id = begun["UploadId"]

    def send(number: int, data: bytes) -> dict[str, Any]:
        sent = bucket.send("upload_part", data, Key=key, UploadId=upload_id, PartNumber=number)
        return {"PartNumber": number, "ETag": sent["ETag"], "ChecksumSHA256": sent["ChecksumSHA256"]}

    try:
        parts = _sent(descriptor, size, sha256, send)
    except BaseException:
        _abandon(bucket, key, upload_id)
        raise
    try:
        ask = bucket.ask_once if _creates_unchecked(bucket, condition) else bucket.ask
        return ask(
            "complete_multipart_upload",
            Key=key,
            UploadId=upload_id,
            MultipartUpload={"Parts": parts},
            **condition,
        )
    except InTheWay:
        # After no answer nothing is dropped: the server may be joining the parts still, and some let go of
        # them under what becomes of it. What was not joined is swept.
        _abandon(bucket, key, upload_id)
        raise


def _creates_unchecked(bucket: Bucket, arguments: dict[str, Any]) -> bool:
    """Whether the request sent once more could make a second version: its caller looks before it does."""
    return "IfNoneMatch" in arguments and not bucket.abilities().creates_once


def _sent(descriptor: int, size: int, sha256: str | None, send: Any) -> list[dict[str, Any]]:
    length = max(_PART, -(-size // _MOST_PARTS // _MIB) * _MIB)
    whole = hashlib.sha256()
    parts: list[dict[str, Any]] = []
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="part") as pool:
        waiting: deque[Future[dict[str, Any]]] = deque()
        for number, offset in enumerate(range(0, size, length), 1):
            data = _read(descriptor, offset, min(length, size - offset))
            whole.update(data)
            if len(waiting) == _AT_ONCE:
                parts.append(waiting.popleft().result())
            waiting.append(pool.submit(send, number, data))
        parts += [one.result() for one in waiting]
    _require(whole, sha256)
    return parts


def _abandon(bucket: Bucket, key: str, upload_id: str) -> None:
    """What cannot be dropped now is swept later."""
    try:
        bucket.ask("abort_multipart_upload", Key=key, UploadId=upload_id)
    except CustosError as error:
        _log.info("an interrupted upload to the store stays until it is swept: %s", error)


def _read(descriptor: int, offset: int, length: int) -> bytes:
    data = os.pread(descriptor, length, offset)
    if len(data) != length:
        raise _changed()
    return data


def _require(found: Any, sha256: str | None) -> None:
    if sha256 is not None and found.hexdigest() != sha256:
        raise _changed()


def _changed() -> Unavailable:
    return Unavailable(
        "staged-changed",
        "What lies on the staging disk is not what was accepted, so it was not stored. Send the file again.",
    )
