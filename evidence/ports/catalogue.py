"""The catalogue: one transaction per call, on one writer, committed in groups.

`write` runs a function inside a transaction and resolves when that transaction is durable; functions
from many tasks may share one commit, each in its own savepoint, so that one that raises undoes only
itself. `read` runs on a snapshot and can write nothing. Both run off the event loop; the function must
not await, must not keep the transaction, and may run on another thread.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from evidence.access import Viewer
from evidence.canonical import Json
from evidence.events import EventDraft, SealedEvent
from evidence.items import Item, Recovery, Rendition, Still, Viewing
from evidence.jobs import Job, JobState, Stage
from evidence.ports.agents import Agents
from evidence.ports.cases import AccessRows, Cases, Links, Units
from evidence.ports.clips import Clips
from evidence.ports.dispatches import Dispatches
from evidence.ports.disposal import Disposals
from evidence.ports.dossier import Dossier
from evidence.ports.exports import Exports
from evidence.ports.figures import Figures
from evidence.ports.fixity import Fixity
from evidence.ports.intake import Uploads
from evidence.ports.journal import JournalRows
from evidence.ports.lateness import Lateness
from evidence.ports.log import CustodyLog
from evidence.ports.marks import Marks
from evidence.ports.parts import Parts
from evidence.ports.playbacks import Playbacks
from evidence.ports.recordings import Recordings
from evidence.ports.replicas import ReplicaRows
from evidence.ports.retention import Retention
from evidence.ports.reviews import Reviews
from evidence.ports.revocation import Revocation
from evidence.ports.search import Search
from evidence.ranges import ByteRange
from evidence.waiting import HeldUp, Waiting

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """An event as history shows it: the frozen bytes and, where still kept, the detail."""

    data: bytes
    detail: bytes | None


@dataclass(frozen=True, slots=True)
class JobChange:
    """One step of one job; `seq` grows without reuse and is the server-sent event's id."""

    seq: int
    job_id: str
    stage: Stage
    subject: str
    unit: str
    state: JobState
    progress: int
    message: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something a person must look at; raised once per kind and subject until cleared."""

    kind: str
    subject: str
    message: str
    raised_at: datetime


class Items(Protocol):
    """Items and their renditions."""

    def add(self, item: Item) -> None: ...
    def get(self, item_id: str) -> Item | None: ...
    def same_acquisition(self, *, unit: str, device: str, sha256: str) -> Item | None:
        """The item that the same device and unit gave with the same bytes; never an empty one."""
        ...

    def page(
        self, viewer: Viewer, *, before: str | None, limit: int, owner: str | None = None
    ) -> Sequence[Item]:
        """What `viewer` may see, newest first; `before` is the last identifier of the page before.

        With `owner` only what is theirs.
        """
        ...

    def seen_by(self, viewer: Viewer, item_ids: Collection[str]) -> Mapping[str, Item]:
        """Those of the items that `viewer` may see."""
        ...

    def set_lock(self, item_id: str, locked_until: datetime) -> None: ...
    def set_read_back(self, item_id: str, found: Mapping[str, Json]) -> None: ...
    def set_description(
        self, item_id: str, found: Mapping[str, Json], summary: Mapping[str, Json]
    ) -> None: ...
    def description(self, item_id: str) -> Mapping[str, Json] | None:
        """Everything that the tools said; None until described."""
        ...

    def short_locked(self, before: datetime) -> Sequence[Item]:
        """Items committed before `before` whose lock was never extended."""
        ...

    def put_rendition(self, rendition: Rendition) -> None:
        """Insert, or replace the one of the same item and kind."""
        ...

    def add_still(self, still: Still) -> None:
        """Note what was asked for; nothing happens if it was already."""
        ...

    def still(self, still_id: str) -> Still | None: ...
    def add_recovery(self, recovery: Recovery) -> None:
        """Note what was asked for; nothing happens if it was already."""
        ...

    def recovery(self, recovery_id: str) -> Recovery | None: ...
    def renditions(self, item_id: str) -> Sequence[Rendition]: ...
    def renditions_of_kinds(
        self, item_ids: Sequence[str], kinds: Sequence[str]
    ) -> Mapping[tuple[str, str], Rendition]:
        """Those of these kinds, by item and kind, in one query."""
        ...

    def several(self, item_ids: Sequence[str]) -> Sequence[Item]:
        """These items in this order, those that are not there left out."""
        ...

    def renditions_of(self, item_ids: Sequence[str]) -> Mapping[str, Sequence[Rendition]]:
        """The renditions of many, those without any left out."""
        ...

    def rendition(self, item_id: str, kind: str) -> Rendition | None: ...
    def drop_rendition(self, rendition_id: str) -> None: ...


class Jobs(Protocol):
    """Background work. Every method that an attempt calls after `claim` names its fence."""

    def add(
        self,
        stage: Stage,
        subject: str,
        unit: str,
        now: datetime,
        *,
        again: bool = False,
        staging: str | None = None,
    ) -> str:
        """The job of this stage and subject, made if there is none; returns its identifier.

        `again` queues it once more if it is done. `staging`: only where these bytes lie can it be done.
        """
        ...

    def get(self, job_id: str) -> Job | None: ...
    def of_subjects(self, subjects: Sequence[str]) -> Sequence[Job]: ...
    def listed(self, state: JobState | None, limit: int) -> Sequence[Job]: ...
    def claim(self, job_id: str, now: datetime, staging: str | None = None) -> Job | None:
        """Take the job if `evidence.jobs.is_claimable`; returns it with its new fence.

        One whose workers died at it before is queued for later instead (`pause_after_death`): None.

        `staging` is the claimant's own; what lies on another is left alone, as if it had not been rung for.
        """
        ...

    def guard(self, job_id: str, fence: int) -> None:
        """Raise LeaseLost unless `fence` still owns the job."""
        ...

    def heartbeat(self, job_id: str, fence: int, progress: int, now: datetime) -> None: ...
    def wait(self, job_id: str, fence: int, now: datetime) -> None:
        """Let the job wait for others; it keeps its progress."""
        ...

    def tell(self, stage: Stage, subject: str, progress: int, now: datetime) -> None:
        """Note how far a waiting job's others are; nothing happens to one that does not wait."""
        ...

    def waiting(self, stage: Stage, limit: int) -> Sequence[str]:
        """What jobs of that stage are about that wait for others, the oldest first."""
        ...

    def resume(self, stage: Stage, subject: str, now: datetime) -> None:
        """Queue a waiting job; nothing happens to one that does not wait."""
        ...

    def finish(self, job_id: str, fence: int, now: datetime) -> None: ...
    def fail(
        self,
        job_id: str,
        fence: int,
        *,
        code: str,
        message: str,
        faults: int,
        retry_at: datetime | None,
        now: datetime,
    ) -> None:
        """Queue again at `retry_at`, or fail for good; `faults` are its faults from now on."""
        ...

    def retry(self, job_id: str, now: datetime) -> None:
        """Queue a failed job again, its attempts counted from zero; raises Conflict otherwise."""
        ...

    def to_ring(self, now: datetime, limit: int) -> Sequence[Job]:
        """Jobs that `needs_ringing`, the most urgent first, `limit` of each queue, marked as rung now."""
        ...

    def unanswered(self, now: datetime) -> Sequence[Waiting]:
        """Work that waits longer than `evidence.waiting.PATIENCE`, and nobody has been at any like it."""
        ...

    def held_up(self) -> HeldUp | None:
        """Work that has been tried for long, and goes on once what it needs is back; None: there is none."""
        ...

    def changes(self, after: int, limit: int) -> Sequence[JobChange]: ...
    def last_change(self) -> int: ...
    def prune_changes(self, now: datetime) -> None: ...


class Events(Protocol):
    """The frozen event table: insert only, in the transaction of the change that it records."""

    def append(self, draft: EventDraft) -> SealedEvent:
        """Seal with this process's emitter and counter, and insert."""
        ...

    def put_back(self, data: bytes, salt: bytes, detail: bytes) -> None:
        """Insert what was sealed before and is not there any more: an event, or only its detail; repeatable.

        An event goes into the log like a new one.
        """
        ...

    def get(self, event_id: str) -> tuple[bytes, bytes, bytes] | None:
        """Event, salt and detail bytes."""
        ...

    def data(self, event_id: str) -> bytes | None:
        """Its bytes alone, whether or not its detail is kept."""
        ...

    def history(self, subject: str, limit: int) -> Sequence[HistoryEntry]:
        """Events about one subject, oldest first."""
        ...


class Viewings(Protocol):
    """Permissions on record, and what left under them."""

    def open(self, viewing: Viewing) -> None: ...
    def close(self, viewing_id: str, at: datetime, sent: Sequence[ByteRange] | None) -> bool:
        """Mark closed; False if it already was. `sent` None: unknown."""
        ...

    def abandoned(self, own_emitter: str, now: datetime, longest: timedelta) -> Sequence[Viewing]:
        """Open viewings of other emitters that ended over a minute ago; `longest` bounds any viewing."""
        ...


class Oversight(Protocol):
    """Alarms, and the aggregated log of anonymous noise."""

    def raise_alarm(self, alarm: Alarm) -> bool:
        """False if the same alarm already stands."""
        ...

    def clear_alarm(self, kind: str, subject: str, at: datetime) -> None: ...
    def alarms(self) -> Sequence[Alarm]: ...
    def count_noise(self, kind: str, at: datetime, count: int) -> None: ...


class Transaction(Protocol):
    """One unit of work over every aggregate."""

    @property
    def agents(self) -> Agents: ...
    @property
    def uploads(self) -> Uploads: ...
    @property
    def items(self) -> Items: ...
    @property
    def parts(self) -> Parts: ...
    @property
    def units(self) -> Units: ...
    @property
    def cases(self) -> Cases: ...
    @property
    def links(self) -> Links: ...
    @property
    def access(self) -> AccessRows: ...
    @property
    def zone(self) -> timedelta:
        """How far from UTC the office's clocks are: what says no zone is read so, and days are its days."""
        ...

    @property
    def figures(self) -> Figures: ...
    @property
    def fixity(self) -> Fixity: ...
    @property
    def log(self) -> CustodyLog: ...
    @property
    def journal(self) -> JournalRows: ...
    @property
    def replicas(self) -> ReplicaRows: ...
    @property
    def revocation(self) -> Revocation: ...
    @property
    def dossier(self) -> Dossier: ...
    @property
    def dispatches(self) -> Dispatches: ...
    @property
    def lateness(self) -> Lateness: ...
    @property
    def retention(self) -> Retention: ...
    @property
    def marks(self) -> Marks: ...
    @property
    def playbacks(self) -> Playbacks: ...
    @property
    def clips(self) -> Clips: ...
    @property
    def reviews(self) -> Reviews: ...
    @property
    def exports(self) -> Exports: ...
    @property
    def disposals(self) -> Disposals: ...
    @property
    def recordings(self) -> Recordings: ...
    @property
    def jobs(self) -> Jobs: ...
    @property
    def events(self) -> Events: ...
    @property
    def viewings(self) -> Viewings: ...
    @property
    def oversight(self) -> Oversight: ...
    @property
    def search(self) -> Search: ...


class Catalogue(Protocol):
    """See the module's docstring."""

    @property
    def emitter(self) -> str:
        """This process's emitter."""
        ...

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in a transaction; durable on return. Raises what `work` raises, or Unavailable."""
        ...

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` on a snapshot. Raises what `work` raises, or Unavailable."""
        ...

    async def record(self, draft: EventDraft) -> SealedEvent:
        """Append one event by group commit; durable on return. Raises EventNotWritten."""
        ...
