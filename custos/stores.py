"""Which store the settings name: the data directory's own, or a bucket."""

from __future__ import annotations

from dataclasses import dataclass

from custos.settings import Settings
from evidence.errors import Unavailable
from evidence.ports.log import LogStore
from evidence.ports.objects import ObjectStore
from storage.objects.filesystem import FilesystemStore
from storage.objects.log_files import LogFiles
from storage.objects.s3.place import Place
from storage.objects.staging import StagingDirectory


@dataclass(frozen=True, slots=True)
class Stores:
    """Where recordings lie, and the log beside them."""

    objects: ObjectStore
    log: LogStore


def open_stores(settings: Settings) -> Stores:
    """The store, once it was found fit. Blocking.

    Raises Unavailable("store-unfit") for a bucket that would not keep what is put into it,
    Unavailable("store-elsewhere") where a bucket is set and recordings lie in the data directory, and what
    asking the bucket raises.
    """
    place = place_of(settings)
    if place is None:
        store = FilesystemStore(settings.store, immutable=settings.protection.immutable)
        return Stores(store, LogFiles(settings.store, store))
    if any((settings.store / "objects").glob("*/*")):
        raise Unavailable(
            "store-elsewhere",
            "`s3.bucket` is set, and the recordings of this installation lie in its data directory, where "
            "they would not be found. Take the setting out, or begin with an empty data directory.",
        )
    from storage.objects.s3.checking import require_fit
    from storage.objects.s3.client import Bucket
    from storage.objects.s3.log import S3Log
    from storage.objects.s3.store import S3Store

    bucket = Bucket(place)
    require_fit(bucket)
    bucket_store = S3Store(bucket, settings.work_directory / "fetched")
    return Stores(bucket_store, S3Log(bucket_store))


def staging_tag(settings: Settings) -> str:
    """What tells this host's staging disk from others'. Raises NoSpace, Unavailable."""
    return StagingDirectory(settings.staging).tag


def place_of(settings: Settings) -> Place | None:
    """The bucket that the settings name; None where recordings lie in the data directory."""
    s3 = settings.s3
    if s3.bucket is None:
        return None
    return Place(s3.bucket, s3.endpoint, s3.region, s3.credentials, s3.trusted)
