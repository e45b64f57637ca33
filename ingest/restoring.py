"""Items restored from the manifests beside their originals, for a catalogue that does not know them.

A manifest is believed as far as the log bears it out: its event has to be the one in the log, and it has to
say what that event says. One whose event the log does not have, of the last second or of somebody's making,
is restored and named, for a person to look at. What is known is compared with its manifest, and what has none
is found out. What was disposed of stays so: the log says it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from evidence.agents import Agent, AgentKind, Role
from evidence.alarms import raise_alarm
from evidence.canonical import Json, parse_canonical
from evidence.events import EventType, parse_event
from evidence.items import Intent, Item, Upload, UploadState
from evidence.jobs import JobState, Stage
from evidence.keeping import reckon
from evidence.keys import manifest_key
from evidence.linking import link_as_submitted
from evidence.manifests import event_of, item_of, parse_manifest, says_what_its_event_says
from evidence.ports.catalogue import Alarm, Catalogue, Transaction
from evidence.ports.clock import Clock
from evidence.ports.objects import NotStored, ObjectStore
from evidence.ports.signing import Signer
from evidence.projection import refresh
from evidence.retention import first_lock
from evidence.timekeeping import from_text
from ingest.acknowledging import acknowledge

_MANIFEST = "/manifest.json"
_MISSING = "original-missing"
_HISTORY = 100_000
_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Found:
    """What lay in the store: manifests; those of them that were restored, of these those that the log does
    not know, those that say another thing than catalogue or log; items whose original or manifest is not
    there; manifests of disposed items; and originals without a manifest."""

    manifests: int = 0
    restored: int = 0
    unlogged: int = 0
    differing: int = 0
    missing: int = 0
    disposed: int = 0
    unmanifested: int = 0


class Restoring:
    """The use case; nothing else may run beside it."""

    def __init__(self, catalogue: Catalogue, store: ObjectStore, signer: Signer, clock: Clock) -> None:
        self._catalogue = catalogue
        self._store = store
        self._signer = signer
        self._clock = clock

    async def run(self, disposed: Collection[str], told: Callable[[int], None] = lambda count: None) -> Found:
        """Look at every manifest in the store; durable on return, repeatable.

        `disposed` are the items of which the log says so. `told` hears how many manifests
        were looked at. Raises Unavailable where the store does not answer.
        """
        found, original = Found(), None
        rows = _Rows(self._catalogue)
        async for key in self._store.keys("originals/"):
            if not key.endswith(_MANIFEST):
                if original is not None:
                    found = replace(found, unmanifested=found.unmanifested + 1)
                original = key
                continue
            # Names of hexadecimal digits come before "manifest.json", and identifiers in the order of time.
            found = await self._look(key, original, found, disposed)
            found = await self._require(found, await rows.before(_item_in(key)))
            original = None
            told(found.manifests)
        found = await self._require(found, await rows.before(None))
        await self._release()
        return found if original is None else replace(found, unmanifested=found.unmanifested + 1)

    async def _require(self, found: Found, item_ids: Sequence[str]) -> Found:
        """Of items that have no manifest where theirs would have come, those that have none."""
        for item_id in item_ids:
            item = await self._catalogue.read(partial(_get, item_id=item_id))
            if item is None or item.disposed_at is not None:
                continue
            try:
                await self._store.stat(manifest_key(item.key))
            except NotStored:
                found = replace(found, missing=await self._alarmed(found.missing, _MISSING, item_id))
        return found

    async def _release(self) -> None:
        """A commit whose bytes are in the store needs no staging disk: the one that it names may be gone."""
        for staging in await self._catalogue.read(lambda tx: tx.uploads.stagings()):
            for upload in await self._catalogue.read(partial(_left_on, staging=staging)):
                intent = await self._catalogue.read(partial(_intent, upload_id=upload.id))
                if intent is None:
                    continue
                with suppress(NotStored):
                    await self._store.stat(intent.key)
                    await self._catalogue.write(partial(_released, upload_id=upload.id))

    async def _look(self, key: str, original: str | None, found: Found, disposed: Collection[str]) -> Found:
        found = replace(found, manifests=found.manifests + 1)
        async with self._store.open(key) as file:
            data = await asyncio.to_thread(file.read)
        try:
            manifest = parse_manifest(data)
            item_id, version = str(manifest["item"]), str(manifest["store_version"])
            lies_by = str(manifest["key"]).rpartition("/")[0] == key.removesuffix(_MANIFEST)
            is_said = says_what_its_event_says(manifest)
        except (ValueError, KeyError, TypeError):
            return replace(found, differing=await self._alarmed(found.differing, "manifest-damaged", key))
        if item_id in disposed:
            return replace(found, disposed=await self._alarmed(found.disposed, "disposal-left-some", item_id))
        known, logged, is_whole = await self._catalogue.read(partial(_known, manifest=manifest))
        try:
            stat = await self._store.stat(str(manifest["key"]), version=version)
        except NotStored:
            stat = None
        if not is_said or logged is False or not lies_by:
            # Nothing is restored from what the log speaks against.
            return replace(found, differing=await self._alarmed(found.differing, "manifest-differs", item_id))
        if original is None or stat is None:
            found = replace(found, missing=await self._alarmed(found.missing, _MISSING, item_id))
        elif stat.size != manifest["size"] or (known is not None and not _agrees(known, manifest)):
            count = await self._alarmed(found.differing, "manifest-differs", item_id)
            found = replace(found, differing=count)
        if known is not None:
            if not is_whole:
                # The row is from the journal: what is younger than the log is its event, or only the detail.
                await self._catalogue.write(partial(_put_back, manifest=manifest))
            return found
        if logged is None:
            found = replace(found, unlogged=await self._alarmed(found.unlogged, "item-unlogged", item_id))
        locked = stat.locked_until if stat is not None else None
        await self._catalogue.write(partial(self._restore, manifest=manifest, locked_until=locked))
        return replace(found, restored=found.restored + 1)

    async def _alarmed(self, count: int, kind: str, subject: str) -> int:
        alarm = Alarm(kind, subject, _WORDS[kind], self._clock.now())
        await self._catalogue.write(lambda tx: raise_alarm(tx, alarm))
        return count + 1

    def _restore(self, tx: Transaction, manifest: Mapping[str, Json], locked_until: datetime | None) -> None:
        now = self._clock.now()
        item = item_of(manifest)
        _ensure_agent(tx, item.agent_id, now)
        data, salt, detail = event_of(manifest)
        event_id = str(parse_event(data)["id"])
        upload = tx.uploads.get(item.upload_id)
        if upload is None:
            upload = Upload(
                item.upload_id, item.agent_id, item.unit, item.size, item.size, UploadState.COMMITTED,
                item.submission, item.committed_at, now, crc32=item.crc32,
            )  # fmt: skip
            tx.uploads.add(upload)
        if tx.uploads.intent(upload.id) is None:
            tx.uploads.add_intent(
                Intent(
                    upload.id, item.id, event_id, item.key, item.sha256, item.committed_at,
                    first_lock(item.committed_at), from_text(str(manifest["lock_until"])), item.kind,
                    item.media_type,
                )
            )  # fmt: skip
        tx.events.put_back(data, salt, detail)
        tx.items.add(item)
        if locked_until is not None:
            tx.items.set_lock(item.id, locked_until)
        reckon(tx, [item], now)
        link_as_submitted(tx, item, now)
        tx.jobs.add(Stage.DESCRIBE, item.id, item.unit, now, again=True)
        if all(job.state is JobState.DONE for job in tx.jobs.of_subjects([upload.id])):
            self._settle(tx, upload, item, event_id, data)
        # Else its commit is a job still, every step of which finds itself done, up to the receipt.
        refresh(tx, item.id)

    def _settle(self, tx: Transaction, upload: Upload, item: Item, event_id: str, event: bytes) -> None:
        """The upload as its commit left it."""
        now = self._clock.now()
        if upload.state is UploadState.RECEIVING:
            tx.uploads.advance(upload.id, offset=item.size, hash_state=b"", crc32=item.crc32, at=now)
        tx.uploads.settle(
            upload.id,
            UploadState.COMMITTED,
            at=now,
            sha256=item.sha256,
            salvaged=item.salvaged,
            item_id=item.id,
        )
        if not tx.uploads.receipts(upload.id):
            current = tx.items.get(item.id)
            assert current is not None
            acknowledge(tx, self._signer, self._clock, upload, current, event_id, event)


class _Rows:
    """The catalogue's items in the order of their identifiers, beside what is met in that order."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._waiting: deque[str] = deque()
        self._last: str | None = ""

    async def before(self, item_id: str | None) -> Sequence[str]:
        """Those before `item_id`, itself left out, that were not given before; None: all that are left."""
        found: list[str] = []
        while True:
            if not self._waiting and self._last is not None:
                page = await self._catalogue.read(lambda tx: tx.search.items_after(self._last or None, _PAGE))
                self._waiting.extend(page)
                self._last = page[-1] if page else None
            if not self._waiting or (item_id is not None and self._waiting[0] > item_id):
                return found
            first = self._waiting.popleft()
            if first != item_id:
                found.append(first)


def _item_in(key: str) -> str:
    return key.removesuffix(_MANIFEST).rpartition("/")[2]


def _get(tx: Transaction, item_id: str) -> Item | None:
    return tx.items.get(item_id)


def _left_on(tx: Transaction, staging: str) -> Sequence[Upload]:
    return tx.uploads.left_on(staging)


def _intent(tx: Transaction, upload_id: str) -> Intent | None:
    return tx.uploads.intent(upload_id)


def _released(tx: Transaction, upload_id: str) -> None:
    tx.uploads.release(upload_id)


def _known(tx: Transaction, manifest: Mapping[str, Json]) -> tuple[Item | None, bool | None, bool]:
    """The item; whether the log has the manifest's event as it is (None: none); whether with detail."""
    data, _, _ = event_of(manifest)
    event_id = str(parse_event(data)["id"])
    found = tx.events.data(event_id)
    logged = None if found is None else found == data
    return tx.items.get(str(manifest["item"])), logged, tx.events.get(event_id) is not None


def _put_back(tx: Transaction, manifest: Mapping[str, Json]) -> None:
    tx.events.put_back(*event_of(manifest))


def _agrees(item: Item, manifest: Mapping[str, Json]) -> bool:
    told = item_of(manifest)
    return (item.key, item.version, item.size, item.sha256, item.unit, item.upload_id) == (
        told.key, told.version, told.size, told.sha256, told.unit, told.upload_id,
    )  # fmt: skip


def _ensure_agent(tx: Transaction, agent_id: str, now: datetime) -> None:
    """Who sent it, as the log has them registered; nobody can log in as them before somebody lets them."""
    if tx.agents.get(agent_id) is not None:
        return
    said: Mapping[str, Json] = {}
    for entry in tx.events.history(agent_id, _HISTORY):
        if parse_event(entry.data)["type"] == EventType.AGENT_REGISTERED and entry.detail is not None:
            said = parse_canonical(entry.detail)
    role = Role(str(said.get("role", Role.OFFICER)))
    kind = AgentKind.DEVICE if role is Role.STATION else AgentKind.PERSON
    name = str(said.get("username", agent_id))
    if tx.agents.by_username(name) is not None:
        name = agent_id
    agent = Agent(
        agent_id, kind, name, str(said.get("name", name)), role, str(said.get("unit", "")), disabled=True
    )
    tx.agents.add(agent, None, now)


_WORDS = {
    "manifest-damaged": "A manifest in the store is damaged. Its item was not restored from it.",
    "manifest-differs": "What catalogue and log say of this item, its manifest and its original differ.",
    "item-unlogged": "This item was restored from its manifest, and the log does not have its ingestion: it "
    "came in within the last second before the catalogue was lost, or somebody put it into the store. Look "
    "at it.",
    _MISSING: "The store lacks this item's original, its manifest, or both.",
    "disposal-left-some": "This item was disposed of, and something of it still lies in the store.",
}
