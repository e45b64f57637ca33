"""A head that is exchanged on a server that heeds no `If-Match`: the order of its versions decides.

Each version says in its metadata after which bytes it comes. Read from the oldest on, the first version is
the head, and each that comes after the head of its time is the next one; every other came too late. Whoever
put it sees that, and whether a version counts never changes again, since a new one always comes last.

Order of what is removed, and why: first the versions that came too late, then the heads before the newest,
oldest first; what breaks off stops there. So the oldest that is left was always a head.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from evidence.errors import CustosError, NoSpace, Unavailable
from evidence.ports.objects import NotStored
from storage.objects.s3.client import Bucket, Version, translated, unavailable
from storage.objects.s3.uploading import put

_log = logging.getLogger(__name__)
_AFTER = "after"
_NOTHING = "nothing"
#: So often what is listed may be removed by somebody else before it is read.
_TRIES = 10


def after(expected: bytes | None) -> dict[str, str]:
    """The metadata of a version that comes after these bytes."""
    return {_AFTER: _NOTHING if expected is None else hashlib.sha256(expected).hexdigest()}


@dataclass(frozen=True, slots=True)
class Order:
    """The versions of a head as they count: heads, the oldest first, and those that came too late."""

    heads: Sequence[Version]
    late: Sequence[Version]
    data: bytes | None


def is_exchanged(bucket: Bucket) -> bool:
    """Whether the server decides which version is the head, for whoever reads it."""
    try:
        return bucket.abilities().exchanges
    except (NoSpace, Unavailable):
        # A store that takes nothing now can be read all the same, and nobody exchanges anything there.
        return True


def newest(bucket: Bucket, key: str) -> Version | None:
    """The version that is the head now; None if there is none."""
    return next(reversed(_ordered(bucket, key).heads), None)


def read(bucket: Bucket, key: str) -> bytes | None:
    """The bytes of the head; None if there is none."""
    return _ordered(bucket, key).data


def swap(bucket: Bucket, key: str, expected: bytes | None, data: bytes) -> bytes | None:
    """See `evidence.ports.log.LogStore.swap`."""
    found = _ordered(bucket, key).data
    if found != expected:
        return found
    made = put(bucket, key, data, {"Metadata": after(expected)})
    order = _ordered(bucket, key)
    is_ours = order.data == data or any(one.id == made for one in order.heads)
    with _as_well_as_may_be(key):
        if is_ours:
            _drop(bucket, [*order.late, *order.heads[:-1]])
        else:
            _drop(bucket, [one for one in order.late if one.id == made])
    return data if is_ours else order.data


def _drop(bucket: Bucket, versions: Sequence[Version]) -> None:
    for version in versions:
        bucket.ask("delete_object", Key=version.key, VersionId=version.id)


@contextmanager
def _as_well_as_may_be(key: str) -> Iterator[None]:
    try:
        yield
    except CustosError as error:
        _log.warning("an older version of %s stays: %s", key, error)


def _ordered(bucket: Bucket, key: str) -> Order:
    for _ in range(_TRIES):
        listed = [one for one in reversed(bucket.versions_of(key)) if not one.is_marker]
        try:
            return _followed(bucket, listed)
        except NotStored:
            # Removed by whoever exchanged it meanwhile: the next list has what came after.
            continue
    raise unavailable()


def _followed(bucket: Bucket, listed: Sequence[Version]) -> Order:
    heads: list[Version] = []
    late: list[Version] = []
    data: bytes | None = None
    for version in listed:
        found = bucket.ask("get_object", Key=version.key, VersionId=version.id)
        with translated():
            body: bytes = found["Body"].read()
        if not heads or found.get("Metadata", {}).get(_AFTER) == after(data)[_AFTER]:
            heads.append(version)
            data = body
        else:
            late.append(version)
    return Order(heads, late, data)
