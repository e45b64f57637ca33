"""Which store the settings name: the data directory's own, or a bucket."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from custody.replicating import Replicating
from custos.catalogue_place import catalogue_of
from custos.replicas import has_replicas, open_replicas, primary_of, replicating
from custos.settings import Settings
from evidence.errors import Unavailable
from evidence.ports.journal import JournalStore
from evidence.ports.log import LogStore
from evidence.ports.objects import ObjectStore
from storage.catalogue.engine import is_begun
from storage.objects.filesystem import FilesystemStore
from storage.objects.heads import CATALOGUE
from storage.objects.journal import StoreJournal
from storage.objects.log_files import LogFiles
from storage.objects.mirrored import MirroredStore
from storage.objects.s3.place import Place
from storage.objects.staging import StagingDirectory

#: What things are called once `custos migrate` has moved them elsewhere.
MOVED = "-before-migration"


@dataclass(frozen=True, slots=True)
class Stores:
    """Where recordings lie, and beside them the log and the journal of the catalogue."""

    objects: ObjectStore
    log: LogStore
    journal: JournalStore
    #: What keeps copies in other stores; None where there are none.
    copies: Replicating | None = None

    @property
    def primary(self) -> ObjectStore:
        """The store alone, for what has no copies yet and must not wait for those that are away."""
        return self.objects if self.copies is None else self.copies.primary


def open_stores(settings: Settings) -> Stores:
    """The store, and its replicas if there are any. Blocking.

    Raises what `_open_store` raises, Invalid("bad-replica").
    """
    stores = _open_store(settings)
    if not has_replicas(settings):
        return stores
    others = open_replicas(settings)
    mirrored = MirroredStore(stores.objects, [one.store for one in others])
    primary = primary_of(settings, stores.objects, stores.log, stores.journal)
    return replace(stores, objects=mirrored, copies=replicating(settings, primary, others))


def _open_store(settings: Settings) -> Stores:
    """The store, once it was found fit. Blocking.

    Raises Unavailable("store-unfit") for a bucket that would not keep what is put into it,
    Unavailable("store-elsewhere") where a bucket is set and recordings lie in the data directory, and what
    asking the bucket raises.
    """
    place = place_of(settings)
    if place is None:
        store = FilesystemStore(settings.store, immutable=settings.protection.immutable)
        return Stores(
            store,
            LogFiles(settings.store, store),
            StoreJournal(store, LogFiles(settings.store, store, CATALOGUE)),
        )
    if any((settings.store / "objects").glob("*/*")):
        raise Unavailable(
            "store-elsewhere",
            "`s3.bucket` is set, and the recordings of this installation lie in its data directory, where "
            "they would not be found. Take the setting out; `custos migrate` moves an installation into a "
            "bucket.",
        )
    from storage.objects.s3.checking import require_fit
    from storage.objects.s3.client import Bucket
    from storage.objects.s3.log import S3Log
    from storage.objects.s3.store import S3Store

    bucket = Bucket(place)
    require_fit(bucket)
    bucket_store = S3Store(bucket, settings.work_directory / "fetched")
    return Stores(
        bucket_store, S3Log(bucket_store), StoreJournal(bucket_store, S3Log(bucket_store, CATALOGUE))
    )


async def require_not_lost(settings: Settings, stores: Stores) -> None:
    """Refuse to begin a new catalogue beside a store that has one's log.

    Raises Unavailable("catalogue-lost"), Unavailable("was-moved"), and what asking catalogue and store raise.
    """
    if await asyncio.to_thread(is_begun, catalogue_of(settings)):
        return
    was_moved = (settings.catalogue_file.parent, settings.store)
    if settings.catalogue.url is None and any(
        path.with_name(path.name + MOVED).exists() and not path.exists() for path in was_moved
    ):
        raise Unavailable(
            "was-moved",
            "This installation was moved by `custos migrate`. Start Custos with the settings that it was "
            "moved to.",
        )
    if await stores.log.read("checkpoint") is not None:
        raise Unavailable(
            "catalogue-lost",
            "There is no catalogue, and the store has the log of one. Look whether `data` and "
            "`catalogue.url` are the right places. If it is lost, restore it with `custos rebuild`.",
        )


def staging_tag(settings: Settings) -> str:
    """What tells this host's staging disk from others'. Raises NoSpace, Unavailable."""
    return StagingDirectory(settings.staging).tag


def place_of(settings: Settings) -> Place | None:
    """The bucket that the settings name; None where recordings lie in the data directory."""
    s3 = settings.s3
    if s3.bucket is None:
        return None
    return Place(s3.bucket, s3.endpoint, s3.region, s3.credentials, s3.trusted)
