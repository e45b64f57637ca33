"""One set of use cases for the server and for each worker child.

`open_services` opens the catalogue, the store and the key, hands each use case only the ports that it
uses, and closes everything in order.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from cases.checklists import Checklists
from cases.dispatching import Dispatching
from cases.disposal import Disposal
from cases.figures import FigureDesk
from cases.files import CaseFiles
from cases.forms import Forms
from cases.holds import Holds
from cases.lateness import Overdue
from cases.linking import Linking
from cases.marks import Marks
from cases.notes import CaseNotes
from cases.particulars import CourtParticulars
from cases.retention import Schedules
from cases.reviews import Reviews
from cases.rights import Rights
from cases.sampling import Sampling
from custody.auditing import FixityStage
from custody.audits import Audits
from custody.extracts import LogExtracts
from custody.proofs import Proofs
from custody.rotation import require_in_force
from custody.sequencer import Sequencer
from custody.signing import FileSigner
from custody.trusted_time import ConfiguredTime
from custos.attached import attached
from custos.catalogue_place import catalogue_of
from custos.clock import SystemClock
from custos.key_holding import holding_key
from custos.own_time import own_time
from custos.settings import Settings
from custos.stores import open_stores, require_not_lost
from custos.sweep import Sweep
from custos.work import JobRunner
from evidence.dispatch import zone_of
from evidence.jobs import Stage
from evidence.ports.catalogue import Catalogue
from evidence.ports.copies import FingerprintIndex
from evidence.ports.doorbell import Doorbell
from evidence.ports.objects import ObjectStore
from evidence.ports.work import StageWork
from identity.accounts import Accounts
from identity.policy import RolePolicy
from ingest.commit import CommitStage
from ingest.read_back import ReadBackStage
from ingest.uploads import Limits, Uploads
from retrieval.clips import Clips
from retrieval.copies import CopySearch
from retrieval.export_stage import ExportStage
from retrieval.exports import Exports
from retrieval.playbacks import Playbacks
from retrieval.reading import Reading
from retrieval.recordings import Recordings
from retrieval.recoveries import Recoveries
from retrieval.reports import Reports
from retrieval.search import Search
from retrieval.stills import Stills
from retrieval.viewings import ViewingDesk
from storage.catalogue.catalogue import open_catalogue
from storage.fingerprints.index import DiskFingerprintIndex
from storage.objects.staging import StagingDirectory
from transcode.clip_stage import ClipStage
from transcode.fingerprint_stage import FingerprintStage
from transcode.playable_stages import PartStage, PlayableStage, TracksStage
from transcode.spreading import Spread
from transcode.stages import DescribeStage, PreviewStage, ProveStage, RecoverStage, StillStage
from transcode.tools import SandboxedTools


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that a server or a worker can ask of Custos."""

    catalogue: Catalogue
    store: ObjectStore
    accounts: Accounts
    uploads: Uploads
    reading: Reading
    case_files: CaseFiles
    linking: Linking
    particulars: CourtParticulars
    notes: CaseNotes
    forms: Forms
    checklists: Checklists
    dispatching: Dispatching
    overdue: Overdue
    figures: FigureDesk
    rights: Rights
    schedules: Schedules
    holds: Holds
    disposal: Disposal
    copies: CopySearch
    recordings: Recordings
    search: Search
    stills: Stills
    recoveries: Recoveries
    marks: Marks
    playbacks: Playbacks
    clips: Clips
    exports: Exports
    reports: Reports
    reviews: Reviews
    sampling: Sampling
    desk: ViewingDesk
    proofs: Proofs
    sequencer: Sequencer
    audits: Audits
    work: JobRunner
    sweep: Sweep
    signer: FileSigner
    index: FingerprintIndex


@asynccontextmanager
async def open_services(settings: Settings, doorbell: Doorbell, process: str) -> AsyncIterator[Services]:
    """The use cases over this installation's data; `process` names the part for the log.

    Directories are made, the schema is brought up to date, a missing key is made. On leaving, open
    viewings are closed and the emitter's stop is on record. Raises Unavailable, Invalid.
    """
    clock = SystemClock()
    for directory in (settings.data, settings.run, settings.work_directory):
        await asyncio.to_thread(directory.mkdir, 0o700, True, True)
    staging = await asyncio.to_thread(StagingDirectory, settings.staging)
    stores = await asyncio.to_thread(open_stores, settings)
    await require_not_lost(settings, stores)
    store = stores.objects
    tools = await asyncio.to_thread(
        partial(
            SandboxedTools,
            settings.media.sandbox,
            encoder=settings.media.encoder,
            spread=Spread(settings.media.parts_over_seconds * 1000, settings.media.part_seconds * 1000),
            closely_up_to_ms=settings.media.fingerprint_closely_minutes * 60_000,
        )
    )
    index = await asyncio.to_thread(DiskFingerprintIndex, settings.fingerprints)
    authority = RolePolicy()
    zone = zone_of(settings.ingest.clock_zone)
    async with (
        holding_key(settings) as signer,
        open_catalogue(catalogue_of(settings), clock, process, zone) as catalogue,
    ):
        await require_in_force(catalogue, signer.note_key)
        limits = Limits(
            settings.ingest.max_bytes,
            settings.ingest.unit_quota_bytes,
            settings.ingest.reserve_bytes,
            timedelta(hours=settings.ingest.expire_after_hours),
            settings.ingest.unit_quotas,
        )
        uploads = Uploads(catalogue, staging, authority, clock, doorbell, limits)
        desk = ViewingDesk(catalogue, clock)
        extracts = LogExtracts(catalogue, signer.note_key, witnessed=bool(settings.custody.witnesses))
        stages: dict[Stage, StageWork] = {
            Stage.COMMIT: CommitStage(stores.primary, staging, signer, clock),
            Stage.READ_BACK: ReadBackStage(store, signer, clock, stores.copies),
            Stage.DESCRIBE: DescribeStage(store, tools, clock, zone),
            Stage.PLAYABLE: PlayableStage(store, tools, clock, settings.work_directory),
            Stage.PART: PartStage(store, tools, clock, settings.work_directory),
            Stage.TRACKS: TracksStage(store, tools, clock, settings.work_directory),
            Stage.PREVIEW: PreviewStage(store, tools, clock, settings.work_directory),
            Stage.FINGERPRINT: FingerprintStage(
                tools.take_fingerprints, store, index, settings.work_directory
            ),
            Stage.STILL: StillStage(store, tools, clock, settings.work_directory),
            Stage.CLIP: ClipStage(store, tools, clock, settings.work_directory),
            Stage.EXPORT: ExportStage(
                store,
                extracts,
                authority,
                signer,
                signer.public_pem,
                ConfiguredTime(
                    authorities,
                    settings.custody.time_authority_policies,
                    settings.custody.time_authority_imprints,
                )
                if (authorities := settings.custody.required_first)
                else None,
                clock,
                settings.work_directory,
                attached(),
                await own_time(settings, clock),
            ),
            Stage.RECOVER: RecoverStage(store, tools, clock, settings.work_directory),
            Stage.PROVE: ProveStage(store, tools, clock, settings.work_directory),
            Stage.FIXITY: FixityStage(store, clock, settings.fixity.bytes_per_second, copies=stores.copies),
        }
        playbacks = Playbacks(catalogue, authority, clock)
        schedules = Schedules(catalogue, authority, clock)
        disposal = Disposal(catalogue, authority, clock)
        proofs = Proofs(catalogue, authority, clock, signer.note_key)
        exports = Exports(catalogue, store, authority, clock, doorbell, desk, proofs)
        every = timedelta(days=settings.fixity.every_days) or None
        audits = Audits(catalogue, clock, every, settings.fixity.bytes_per_second)
        work = JobRunner(catalogue, clock, doorbell, stages, staging.tag)
        try:
            yield Services(
                catalogue,
                store,
                Accounts(catalogue, clock),
                uploads,
                Reading(catalogue, store, authority, clock, desk, every),
                CaseFiles(catalogue, authority, clock),
                Linking(catalogue, authority, clock, zone),
                CourtParticulars(catalogue, authority, clock),
                CaseNotes(catalogue, authority, clock),
                Forms(catalogue, authority, clock),
                Checklists(catalogue, authority, clock),
                Dispatching(catalogue, authority, clock),
                Overdue(catalogue, authority, clock, zone),
                FigureDesk(catalogue, authority, clock),
                Rights(catalogue, authority, clock),
                schedules,
                Holds(catalogue, authority, clock),
                disposal,
                CopySearch(catalogue, index, authority, clock),
                Recordings(catalogue, authority, clock),
                Search(catalogue, authority, clock),
                Stills(catalogue, authority, clock, doorbell),
                Recoveries(catalogue, authority, clock, doorbell),
                Marks(catalogue, authority, clock),
                playbacks,
                Clips(catalogue, authority, clock, doorbell),
                exports,
                Reports(catalogue, authority, clock, extracts),
                Reviews(catalogue, authority, clock),
                Sampling(catalogue, authority, clock),
                desk,
                proofs,
                Sequencer(catalogue, stores.log, signer, clock, settings.custody.origin),
                audits,
                work,
                Sweep(
                    catalogue,
                    store,
                    clock,
                    work,
                    uploads,
                    desk,
                    schedules,
                    playbacks,
                    disposal,
                    exports,
                    audits,
                ),
                signer,
                index,
            )
        finally:
            await desk.close_ended(everything=True)
            await asyncio.to_thread(index.close)
