"""A whole store from a directory into a bucket: locks, holds and bytes as they are, each proven there.

The directory is only read. Every object is put with the lock that it has, then read again from the bucket
and compared by SHA-256. What was done is noted, so that a move which broke off goes on; at its end the
bucket's list is compared with the directory's.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from evidence.errors import Conflict
from storage.objects.disk import CHUNK
from storage.objects.s3.client import InTheWay
from storage.objects.s3.reading import open_object
from storage.objects.s3.store import S3Store, lock_of
from storage.objects.s3.uploading import lock_arguments, upload
from storage.objects.sidecars import Sidecars

#: What says how far everything else goes comes last: whoever finds it finds what it speaks of.
_HEADS = ("log/witnessed", "log/checkpoint", "catalogue/tail")


@dataclass(frozen=True, slots=True)
class Moved:
    """How much is in the bucket: objects, their bytes, and a digest over keys and digests of all of them."""

    objects: int
    bytes: int
    digest: str


def move(source: Path, target: S3Store, notes: Path, told: Callable[[int, int], None]) -> Moved:
    """Copy what lies in the store directory `source`, which nobody writes meanwhile, into the bucket.

    `notes` is a file in which the move keeps what it has done. `told` hears of objects done, of how many.
    Durable on return; repeatable, also after a crash. Raises Conflict("other-in-bucket") where something
    else lies under one of the keys, Conflict("not-as-moved") where the bucket does not give back what it was
    given, and what asking the bucket raises. Blocking.
    """
    objects, sidecars = source / "objects", Sidecars(source / "locks")
    keys = sorted(_keys(objects), key=lambda key: (key in _HEADS, key))
    done = _done(notes)
    total, whole = 0, hashlib.sha256()
    with notes.open("a", encoding="ascii") as noted:
        for number, key in enumerate(keys, 1):
            path = objects / key
            size = path.stat().st_size
            if key not in done or _is_replaced(key, sidecars):
                done[key] = _moved(path, key, size, sidecars, target)
                noted.write(f"{key} {done[key]}\n")
                noted.flush()
            total += size
            whole.update(f"{key} {done[key]}\n".encode())
            told(number, len(keys))
        os.fsync(noted.fileno())
    _require_all(target, {key: (objects / key).stat().st_size for key in keys})
    return Moved(len(keys), total, whole.hexdigest())


def _is_replaced(key: str, sidecars: Sidecars) -> bool:
    """Whether Custos may have put other bytes there since an earlier run."""
    return key.startswith(("log/", "catalogue/")) and sidecars.locked_until(key) is None


def _keys(objects: Path) -> Iterator[str]:
    for directory, _, names in os.walk(objects):
        for name in names:
            yield str((Path(directory) / name).relative_to(objects))


def _done(notes: Path) -> dict[str, str]:
    """What was noted; a line that was cut off is done again."""
    if not notes.exists():
        return {}
    lines = notes.read_text("ascii").splitlines()
    return {key: digest for key, _, digest in (line.partition(" ") for line in lines) if len(digest) == 64}


def _moved(path: Path, key: str, size: int, sidecars: Sidecars, target: S3Store) -> str:
    """The object's digest, once the bucket has it as it is here."""
    locked_until = sidecars.locked_until(key)
    with path.open("rb", buffering=0) as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        if locked_until is None:
            version = upload(target.bucket, key, file.fileno(), size, digest, {})
            target.bucket.drop_older(key)
        else:
            arguments = {"IfNoneMatch": "*", **lock_arguments(lock_of(locked_until))}
            found = target.bucket.first_of(key)
            if found is None:
                with suppress(InTheWay):
                    upload(target.bucket, key, file.fileno(), size, digest, arguments)
                found = target.bucket.first_of(key)
            if found is None or found.size != size:
                raise _other(key)
            version = found.id
            target.lock(key, locked_until, version)
    _require_same(target, key, version, size, digest, is_create_only=locked_until is not None)
    if sidecars.is_held(key):
        target.hold(key, True, version)
    return digest


def _require_same(
    target: S3Store, key: str, version: str, size: int, digest: str, *, is_create_only: bool
) -> None:
    again = hashlib.sha256()
    with open_object(target.bucket, key, version, size) as file:
        while piece := file.read(CHUNK):
            again.update(piece)
    if again.hexdigest() != digest:
        if is_create_only:
            raise _other(key)
        raise Conflict("not-as-moved", f"The bucket does not give back {key} as it was given.")


def _require_all(target: S3Store, sizes: dict[str, int]) -> None:
    found = {
        version.key
        for version in target.bucket.versions("")
        if not version.is_marker and sizes.get(version.key) == version.size
    }
    missing = sizes.keys() - found
    if missing:
        raise Conflict("not-as-moved", f"The bucket lacks {len(missing)} objects, {min(missing)} among them.")


def _other(key: str) -> Conflict:
    return Conflict(
        "other-in-bucket",
        f"Something else lies in the bucket under {key}. Give Custos a bucket of its own.",
    )
