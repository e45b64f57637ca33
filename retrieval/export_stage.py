"""The stage that makes an export: everything of it that is not in the store already, and the seal over it.

Order, and why: (1) it waits until the log holds that the export was asked for, so that an access left out
before that shows; (2) proofs, documents and sums are written into one file; (3) file and plan go into the
store, under keys of this attempt: one that was overtaken overwrites nothing; (4) the tag manifest's
digest is signed, and stamped where an authority answers; (5) one transaction notes it all. A crash before
(5) leaves files that nobody refers to, and the next attempt begins anew.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from evidence.bags import Sums
from evidence.canonical import Json, canonical
from evidence.errors import CustosError, StageFailed
from evidence.events import EventDraft, EventType, Subject
from evidence.exports import DISCLOSED, Export, MadeExport, Matter, Plan, Told, encode_seal
from evidence.ids import new_id
from evidence.items import Item
from evidence.keys import export_key, manifest_key
from evidence.ports.authority import Authority
from evidence.ports.catalogue import Transaction
from evidence.ports.clock import Clock
from evidence.ports.disposal import TrustedClock
from evidence.ports.exports import LogExtracts
from evidence.ports.intake import StoredReceipt
from evidence.ports.log import LogHead
from evidence.ports.objects import NotStored, ObjectStore
from evidence.ports.signing import OwnClock, Signer
from evidence.ports.work import Lease
from evidence.proofs import ItemProof, Proof, as_json, first_leaf
from evidence.revocation import ListSource
from evidence.withholding import agents_in, disclosed, missing_segments, withheld_original
from evidence.zips import ZipEntry, lay_out
from retrieval.bag_writer import BagWriter, sums_from
from retrieval.case_uco import case_uco
from retrieval.certification import certifications
from retrieval.export_case import CaseGathered, add_case
from retrieval.export_documents import (
    ItemFile,
    Sent,
    export_document,
    item_document,
    original_path,
    rendition_path,
)
from retrieval.export_files import (
    chosen,
    for_reading,
    lightened,
    log_files,
    newest,
    proven_sums,
    script_of,
)
from retrieval.export_reports import ExportReports
from retrieval.premis import premis
from retrieval.report import Apart

_log = logging.getLogger(__name__)
_OBJECTS = ("files", "plan")


@dataclass(slots=True)
class _Gathered:
    """What the export is made of, as it is gathered."""

    files: list[ItemFile] = field(default_factory=list)
    #: Without the proofs themselves and what details say: a case may have a million events.
    proofs: dict[str, ItemProof] = field(default_factory=dict)
    #: The leaf with which each item's chain begins, by its number in the log.
    begins: list[int] = field(default_factory=list)
    withheld: list[Json] = field(default_factory=list)
    segments: list[Json] = field(default_factory=list)
    disposed: list[Item] = field(default_factory=list)
    #: What the case's report says of each item, whose own page tells the rest.
    apart: list[Apart] = field(default_factory=list)


class ExportStage:
    """`evidence.ports.work.StageWork` for exports.

    `attached` are files that go along as they are, by their path in the bag: the verifier and the viewer.
    """

    def __init__(
        self,
        store: ObjectStore,
        extracts: LogExtracts,
        authority: Authority,
        signer: Signer,
        public_pem: bytes,
        trusted: TrustedClock | None,
        clock: Clock,
        work: Path,
        attached: Mapping[str, bytes],
        own: OwnClock | None = None,
    ) -> None:
        """`authority` says what of a case's history is open to whoever asked.

        `own` signs the time where nobody else is asked: one of `trusted` and `own` at most is there.
        """
        self._store = store
        self._extracts = extracts
        self._authority = authority
        self._signer = signer
        self._public_pem = public_pem
        self._trusted = trusted
        self._clock = clock
        self._work = work
        self._attached = attached
        self._own = own

    async def run(self, lease: Lease) -> None:
        """Make the export `lease.job.subject`, sign it, put it on record."""
        export = await lease.read(lambda tx: tx.exports.get(lease.job.subject))
        if export is None:
            raise StageFailed("no-export", "The export of this job is not in the catalogue.", final=True)
        if export.made is not None or export.gone_at is not None:
            await lease.finish(lambda _tx: None)
            return
        head = await self._extracts.head_with(export.event_id)
        keys = tuple(export_key(export.id, lease.job.fence, name) for name in _OBJECTS)
        now = self._clock.now()
        async with self._workdir() as workdir:
            small = workdir / "files"
            with small.open("xb") as file:
                bag = BagWriter(file, keys[0])
                await self._fill(lease, export, head, bag, now)
                about = _bag_info(export, now)
                files, digest = await asyncio.to_thread(bag.finish, export.name, about)
            plan = Plan(export.name, now, files)
            await asyncio.to_thread((workdir / "plan").write_bytes, plan.encode())
            await self._store.put_rendition(keys[0], small)
            await self._store.put_rendition(keys[1], workdir / "plan")
        made, lists = await self._sealed(export, plan, keys, digest, new_id(now))

        def complete(tx: Transaction) -> None:
            tx.exports.made(export.id, made)
            tx.revocation.want(lists, now)
            tx.events.append(
                EventDraft(
                    EventType.EXPORT_MADE,
                    export.agent_id,
                    now,
                    _subjects(export),
                    digests={"sha256": digest},
                    detail={
                        "profile": export.wanted.profile.value,
                        "files": made.files,
                        "size": made.size,
                        "authority": made.authority,
                        "self_asserted": made.self_asserted is not None,
                    },
                    id=made.event_id,
                )
            )

        try:
            await lease.finish(complete)
        except CustosError:
            await self._discard(export, [lease.job.fence])
            raise
        # Attempts that died before: nobody refers to what they left.
        await self._discard(export, range(1, lease.job.fence))

    async def _discard(self, export: Export, attempts: Iterable[int]) -> None:
        for attempt in attempts:
            for name in _OBJECTS:
                await self._store.discard_rendition(export_key(export.id, attempt, name))

    async def _fill(self, lease: Lease, export: Export, head: LogHead, bag: BagWriter, now: datetime) -> None:
        found = _Gathered()
        for number, item_id in enumerate(export.items):
            await self._add_item(lease, export, item_id, head, bag, found, now)
            lease.progress(950 * (number + 1) // len(export.items))
        case = await add_case(lease, self._extracts, self._authority, export, head, bag, now)
        if case is not None:
            found.withheld += case.withheld
            if (first := first_leaf(case.proof)) is not None:
                found.begins.append(first)
        key = self._extracts.key(head)
        dated = await self._extracts.dated(found.begins, head)
        own = b"" if self._own is None else self._own.certificates
        for path, data in log_files(head, key, dated, own).items():
            bag.add(path, data)
        for path in sorted({kept.path for one in dated for kept in one.lists}):
            bag.add(f"custody/{path}", await self._read(f"log/{path}"))
        keys = await self._extracts.keys(head)
        bag.add("custody/log-keys.json", canonical(keys))
        names = await self._names(lease, export, found, case)
        found.segments = missing_segments([one.item for one in found.files])
        document = export_document(
            export,
            at=now,
            time_source=self._clock.source(),
            head=head,
            files=found.files,
            proofs=found.proofs,
            case=None if case is None else case.proof,
            withheld=len(found.withheld),
            disposed=found.disposed,
            segments=found.segments,
        )
        await asyncio.to_thread(self._add_documents, bag, document, found, names, case)
        told = {
            "export": document,
            "agents": dict(names),
            "case": None if case is None else case.told,
            "withheld": found.withheld,
            "checkpoint": head.checkpoint,
            "key": key,
            "keys": keys,
            "self_asserted": self._own is not None,
        }
        bag.add("viewer/data/export.js", script_of("custosExport", told))
        reports = ExportReports(lease, self._extracts, export, now, self._clock.source())
        of_case = await reports.of_case(found.apart, found.segments, found.disposed, case, names)
        for path, data in of_case.items():
            bag.add(path, data)

    def _add_documents(
        self,
        bag: BagWriter,
        document: Mapping[str, Json],
        found: _Gathered,
        names: Mapping[str, str],
        case: CaseGathered | None,
    ) -> None:
        proofs: list[Proof] = [*found.proofs.values(), *([] if case is None else [case.proof])]
        bag.add("custody/export.json", canonical(document))
        bag.add("custody/withheld.json", canonical({"withheld": found.withheld}))
        bag.add("custody/signing-key.pub.pem", self._public_pem)
        bag.add("metadata/agents.json", for_reading(dict(names)))
        bag.add("metadata/premis.xml", premis(found.files, proofs, names))
        bag.add("metadata/case-uco.jsonld", for_reading(case_uco(document, found.files, found.proofs)))
        for path, data in certifications(document, found.files, None if case is None else case.told).items():
            bag.add(path, data)
        for path, data in self._attached.items():
            bag.add(path, data)

    async def _add_item(
        self,
        lease: Lease,
        export: Export,
        item_id: str,
        head: LogHead,
        bag: BagWriter,
        found: _Gathered,
        now: datetime,
    ) -> None:
        def look(tx: Transaction) -> tuple[Item, ItemFile, Sequence[StoredReceipt]]:
            item = tx.items.get(item_id)
            assert item is not None
            made = tx.items.renditions(item_id)
            stated = tx.dossier.stated([item_id]).get(item_id)
            file = ItemFile(item, (), tx.items.description(item_id), stated, made)
            return item, file, tx.uploads.receipts_of_item(item_id)

        item, file, receipts = await lease.read(look)
        if item.disposed_at is not None:
            found.disposed.append(item)
            return
        sent = await self._add_contents(export, file, bag, found)
        file = ItemFile(item, sent, file.description, file.stated, file.renditions)
        found.files.append(file)
        document = item_document(file)
        bag.add(f"metadata/items/{item_id}.json", for_reading(document))
        bag.add(f"custody/manifests/{item_id}.json", await self._read(manifest_key(item.key)))
        for receipt in newest(receipts):
            bag.add(f"custody/receipts/{receipt.upload_id}.jws", receipt.jws.encode())
        proof, withheld = await asyncio.to_thread(
            disclosed, await self._extracts.of_item(item_id, head), export.wanted.profile
        )
        if (first := first_leaf(proof)) is not None:
            found.begins.append(first)
        reports = ExportReports(lease, self._extracts, export, now, self._clock.source())
        for path, data in (await reports.of_item(file, proof, withheld, head, found.apart)).items():
            await asyncio.to_thread(bag.add, path, data)
        found.proofs[item_id] = lightened(proof)
        found.withheld += withheld
        proven = as_json(proof)
        await asyncio.to_thread(bag.add, f"custody/proofs/{item_id}.json", canonical(proven))
        told = {"item": item_id, "document": document, "proof": proven}
        script = await asyncio.to_thread(script_of, "custosItem", told)
        await asyncio.to_thread(bag.add, f"viewer/data/{item_id}.js", script)

    async def _add_contents(
        self, export: Export, file: ItemFile, bag: BagWriter, found: _Gathered
    ) -> list[Sent]:
        item, sent = file.item, list[Sent]()
        if export.wanted.originals:
            sums = proven_sums(item) or await self._sums(item.key, item.sha256, item.version)
            bag.refer(original_path(item), item.key, sums, item.version)
            sent.append(Sent(original_path(item), "original", item.media_type, item.size, item.sha256))
        else:
            found.withheld.append(withheld_original(item))
        for one in chosen(file.renditions, export.wanted.renditions):
            bag.refer(rendition_path(one), one.key, await self._sums(one.key, one.sha256))
            sent.append(Sent(rendition_path(one), one.kind, one.media_type, one.size, one.sha256))
        return sent

    async def _names(
        self, lease: Lease, export: Export, found: _Gathered, case: CaseGathered | None
    ) -> Mapping[str, str]:
        proofs: list[Proof] = [*found.proofs.values(), *([] if case is None else [case.proof])]
        acted = await asyncio.to_thread(agents_in, proofs)
        if Told.ACCESS not in DISCLOSED[export.wanted.profile]:
            found.withheld.append({"what": "names", "count": len(acted), "why": "profile"})
            return {}
        return await lease.read(lambda tx: tx.agents.names(acted))

    async def _read(self, key: str) -> bytes:
        async with self._store.open(key) as file:
            return await asyncio.to_thread(file.read)

    async def _sums(self, key: str, sha256: str, version: str = "") -> Sums:
        try:
            async with self._store.open(key, version=version) as file:
                found = await asyncio.to_thread(sums_from, file)
        except NotStored as error:
            raise StageFailed("not-stored", "Something that belongs to it is not in the store.") from error
        if found.sha256 != sha256:
            raise StageFailed(
                "stored-otherwise",
                "Something that belongs to it is not stored as it came in; nothing is exported. Look at the "
                "alarms, and at the store's disk.",
                final=True,
            )
        return found

    async def _sealed(
        self, export: Export, plan: Plan, keys: tuple[str, ...], digest: str, event_id: str
    ) -> tuple[MadeExport, Sequence[ListSource]]:
        payload = encode_seal(export, at=plan.at, tag_digest=digest, time_source=self._clock.source())
        statement = self._signer.sign_statement(payload)
        token = authority = own = None
        lists: tuple[ListSource, ...] = ()
        policy = None
        if self._own is not None:
            own = (await asyncio.to_thread(self._own.assert_time, statement.encode())).token
        if self._trusted is not None:
            try:
                time = await self._trusted.stamp(statement.encode())
                token, authority, lists, policy = time.token, time.authority, time.lists, time.policy
            except CustosError as error:
                # What an archivist has to hand over today is not kept waiting: that it has no token is said.
                _log.warning("the export %s is not stamped: %s", export.id, error)
        layout = lay_out([ZipEntry(one.path, one.size, one.crc32) for one in plan.files], plan.at)
        made = MadeExport(
            plan.at, layout.size, len(plan.files), keys, digest, statement, token, authority, event_id, own,
            tuple(one.url for one in lists), policy,
        )  # fmt: skip
        return made, lists

    @asynccontextmanager
    async def _workdir(self) -> AsyncIterator[Path]:
        path = Path(await asyncio.to_thread(tempfile.mkdtemp, dir=self._work))
        try:
            yield path
        finally:
            await asyncio.to_thread(shutil.rmtree, path)


def _subjects(export: Export) -> tuple[Subject, ...]:
    about = [Subject("export", export.id), *(Subject("item", item_id) for item_id in export.items)]
    return (*about, Subject("case", export.subject_id)) if export.matter is Matter.CASE else tuple(about)


def _bag_info(export: Export, at: datetime) -> dict[str, str]:
    return {
        "Source-Organization": " ".join(export.unit.split()),
        "External-Identifier": export.id,
        "External-Description": f"Custos export of {export.matter.value} {export.subject_id}, "
        f"profile {export.wanted.profile.value}",
        "Bagging-Date": f"{at:%Y-%m-%d}",
        "Bag-Software-Agent": "Custos",
    }
