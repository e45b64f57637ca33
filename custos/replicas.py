"""The replicas that the settings name: where they are, and what copies to them."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

from pydantic import ValidationError

from custody.replicating import Replicating
from custos.keeping_sections import S3Settings
from custos.settings import Settings
from evidence.errors import Invalid, Unavailable
from evidence.ports.disposal import Disposer
from evidence.ports.journal import JournalStore
from evidence.ports.log import LogStore
from evidence.ports.objects import ObjectStore
from evidence.ports.replicas import PRIMARY, Replica
from storage.objects.filesystem import FilesystemStore
from storage.objects.heads import CATALOGUE
from storage.objects.journal import StoreJournal
from storage.objects.log_files import LogFiles
from storage.objects.s3.place import Place

#: The file that shows that a replica's disk is mounted. Whoever sets the replica up makes it.
MARKER = "custos-replica"


def has_replicas(settings: Settings) -> bool:
    """Whether the settings name any."""
    return bool(settings.replicas.directories or settings.replicas.buckets)


def open_replicas(settings: Settings) -> tuple[Replica, ...]:
    """The stores of the replicas. Blocking; asks no bucket: one that is away keeps nobody from starting.

    Raises Invalid("bad-replica").
    """
    found = []
    for name, root in _roots(settings).items():
        store = FilesystemStore(root, immutable=settings.protection.immutable, marker=MARKER)
        journal = StoreJournal(store, LogFiles(root, store, CATALOGUE))
        found.append(Replica(name, store, root / "incoming", LogFiles(root, store), journal))
    for name, place in places(settings).items():
        from storage.objects.s3.client import Bucket
        from storage.objects.s3.log import S3Log
        from storage.objects.s3.store import S3Store

        scratch = settings.work_directory / "replicas"
        bucket = S3Store(Bucket(place), scratch / "fetched")
        kept = StoreJournal(bucket, S3Log(bucket, CATALOGUE))
        found.append(Replica(name, bucket, scratch / "staged", S3Log(bucket), kept))
    return tuple(found)


def primary_of(settings: Settings, objects: ObjectStore, log: LogStore, journal: JournalStore) -> Replica:
    """The store itself, as one among its replicas."""
    is_bucket = settings.s3.bucket is not None
    scratch = settings.work_directory / "mended" if is_bucket else settings.store / "incoming"
    return Replica(PRIMARY, objects, scratch, log, journal)


def replicating(settings: Settings, primary: Replica, others: tuple[Replica, ...]) -> Replicating:
    """What keeps the copies. Raises Invalid("bad-replica")."""
    needed = settings.replicas.needed or 1 + len(others)
    if needed > 1 + len(others):
        raise Invalid(
            "bad-replica",
            f"`replicas.needed` asks for {needed} copies, and there are {1 + len(others)} stores.",
        )
    return Replicating(primary, others, needed)


def disposers(
    settings: Settings,
    of_directory: Callable[[Path], Disposer],
    of_bucket: Callable[[Place, Path | None], Disposer],
) -> list[Disposer]:
    """The destroying half of each replica, as `custos dispose` makes them.

    Raises Unavailable("not-mounted"): what cannot be reached would be taken for gone.
    """
    found = []
    for name, root in _roots(settings).items():
        if not (root / MARKER).exists():
            raise Unavailable(
                "not-mounted", f"The disk of the replica {name} is not mounted: {root} has no {MARKER}."
            )
        found.append(of_directory(root))
    for name, place in places(settings).items():
        found.append(of_bucket(place, _bucket(name, settings.replicas.buckets[name]).disposal_credentials))
    return found


def places(settings: Settings) -> Mapping[str, Place]:
    """The buckets by the replicas' names. Raises Invalid("bad-replica")."""
    found = {}
    for name, file in settings.replicas.buckets.items():
        s3 = _bucket(name, file)
        assert s3.bucket is not None
        found[name] = Place(s3.bucket, s3.endpoint, s3.region, s3.credentials, s3.trusted)
    return found


def _roots(settings: Settings) -> Mapping[str, Path]:
    both = settings.replicas.directories.keys() & settings.replicas.buckets.keys()
    if both:
        raise Invalid("bad-replica", f"Two replicas are called {min(both)}.")
    for name, root in settings.replicas.directories.items():
        if root.resolve().is_relative_to(settings.data.resolve()):
            raise Invalid("bad-replica", f"The replica {name} lies in the data directory.")
    return settings.replicas.directories


def _bucket(name: str, file: Path) -> S3Settings:
    try:
        found = S3Settings(**tomllib.loads(file.read_text("utf-8")))
    except (OSError, ValueError, TypeError, ValidationError) as error:
        raise Invalid(
            "bad-replica", f"The file of the replica {name}, {file}, does not say what [s3] says: {error}"
        ) from error
    if found.bucket is None:
        raise Invalid("bad-replica", f"The file of the replica {name}, {file}, names no bucket.")
    return found
