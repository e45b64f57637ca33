"""Items restored from the manifests beside their originals, for a catalogue that does not know them.

What is known is compared with what its manifest says. What was disposed of stays so: the log says it.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from evidence.agents import Agent, AgentKind, Role
from evidence.alarms import raise_alarm
from evidence.canonical import Json, parse_canonical
from evidence.events import EventType, parse_event
from evidence.items import Intent, Item, Submission, Upload, UploadState
from evidence.jobs import JobState, Stage
from evidence.keeping import reckon
from evidence.linking import link_as_submitted
from evidence.manifests import parse_manifest
from evidence.ports.catalogue import Alarm, Catalogue, Transaction
from evidence.ports.clock import Clock
from evidence.ports.objects import NotStored, ObjectStore
from evidence.ports.signing import Signer
from evidence.projection import refresh
from evidence.retention import first_lock
from evidence.timekeeping import from_text
from ingest.acknowledging import acknowledge

_MANIFEST = "/manifest.json"
_HISTORY = 100_000
_MOST = 1_000_000


@dataclass(frozen=True, slots=True)
class Found:
    """What lay in the store: manifests; those of them that were restored, that say another thing than the
    catalogue, whose original is not there, that are of disposed items; and originals without a manifest."""

    manifests: int = 0
    restored: int = 0
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
        async for key in self._store.keys("originals/"):
            if not key.endswith(_MANIFEST):
                if original is not None:
                    found = replace(found, unmanifested=found.unmanifested + 1)
                original = key
                continue
            # Names of hexadecimal digits come before "manifest.json".
            found = await self._look(key, original, found, disposed)
            original = None
            told(found.manifests)
        await self._untie()
        return found if original is None else replace(found, unmanifested=found.unmanifested + 1)

    async def _untie(self) -> None:
        """A commit whose bytes are in the store needs no staging disk: the one that it names may be gone."""
        for state in (JobState.QUEUED, JobState.RUNNING, JobState.FAILED):
            for job in await self._catalogue.read(lambda tx, one=state: tx.jobs.listed(one, _MOST)):  # type: ignore[misc]
                if job.stage is not Stage.COMMIT or job.staging is None:
                    continue
                intent = await self._catalogue.read(lambda tx, one=job: tx.uploads.intent(one.subject))  # type: ignore[misc]
                if intent is None:
                    continue
                with suppress(NotStored):
                    await self._store.stat(intent.key)
                    await self._catalogue.write(partial(_untie, job_id=job.id))

    async def _look(self, key: str, original: str | None, found: Found, disposed: Collection[str]) -> Found:
        found = replace(found, manifests=found.manifests + 1)
        async with self._store.open(key) as file:
            data = await asyncio.to_thread(file.read)
        try:
            manifest = parse_manifest(data)
            item_id, version = str(manifest["item"]), str(manifest["store_version"])
            lies_by = str(manifest["key"]).rpartition("/")[0] == key.removesuffix(_MANIFEST)
        except (ValueError, KeyError):
            return replace(found, differing=await self._alarmed(found.differing, "manifest-damaged", key))
        if item_id in disposed:
            return replace(found, disposed=await self._alarmed(found.disposed, "disposal-left-some", item_id))
        known = await self._catalogue.read(lambda tx: tx.items.get(item_id))
        try:
            stat = await self._store.stat(str(manifest["key"]), version=version)
        except NotStored:
            stat = None
        if original is None or stat is None or not lies_by:
            count = await self._alarmed(found.missing, "original-missing", item_id)
            found = replace(found, missing=count)
        elif stat.size != manifest["size"] or (known is not None and not _agrees(known, manifest)):
            found = replace(
                found, differing=await self._alarmed(found.differing, "manifest-differs", item_id)
            )
        if known is None:
            locked = stat.locked_until if stat is not None else None
            restored = partial(self._restore, manifest=manifest, locked_until=locked)
            await self._catalogue.write(restored)
            found = replace(found, restored=found.restored + 1)
        return found

    async def _alarmed(self, count: int, kind: str, subject: str) -> int:
        alarm = Alarm(kind, subject, _WORDS[kind], self._clock.now())
        await self._catalogue.write(lambda tx: raise_alarm(tx, alarm))
        return count + 1

    def _restore(self, tx: Transaction, manifest: Mapping[str, Json], locked_until: datetime | None) -> None:
        now = self._clock.now()
        item = _item_of(manifest)
        _ensure_agent(tx, item.agent_id, now)
        data, salt, detail = _event_of(manifest)
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


def _untie(tx: Transaction, job_id: str) -> None:
    tx.jobs.untie(job_id)


def _agrees(item: Item, manifest: Mapping[str, Json]) -> bool:
    told = _item_of(manifest)
    return (item.key, item.version, item.size, item.sha256, item.unit, item.upload_id) == (
        told.key, told.version, told.size, told.sha256, told.unit, told.upload_id,
    )  # fmt: skip


def _item_of(manifest: Mapping[str, Json]) -> Item:
    digests, submitted = manifest["digests"], manifest["submitted"]
    assert isinstance(digests, Mapping)
    assert isinstance(submitted, Mapping)
    salvaged, size = manifest["salvaged"], manifest["size"]
    assert isinstance(size, int)
    return Item(
        id=str(manifest["item"]),
        upload_id=str(manifest["upload"]),
        unit=str(manifest["unit"]),
        agent_id=str(manifest["agent"]),
        submission=Submission.from_json(submitted),
        kind=str(manifest["kind"]),
        media_type=str(manifest["media_type"]),
        size=size,
        sha256=str(digests["sha256"]),
        crc32=int(str(digests["crc32"]), 16),
        key=str(manifest["key"]),
        committed_at=from_text(str(manifest["committed_at"])),
        locked_until=from_text(str(manifest["committed_at"])),
        salvaged=None if salvaged is None else str(salvaged),
        version=str(manifest["store_version"]),
    )


def _event_of(manifest: Mapping[str, Json]) -> tuple[bytes, bytes, bytes]:
    data, salt, detail = (
        base64.b64decode(str(manifest[name])) for name in ("event", "event_salt", "event_detail")
    )
    return data, salt, detail


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
    "manifest-differs": "What the catalogue says of this item, its manifest and its original do not agree.",
    "original-missing": "The store has this item's manifest, and not its original.",
    "disposal-left-some": "This item was disposed of, and something of it still lies in the store.",
}
