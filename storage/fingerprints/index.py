"""`evidence.ports.copies.FingerprintIndex` in a directory: for each kind a log and sorted runs over it.

A lookup asks every run, and the part of the log that no run covers yet, which recordings have marks with
the same keys; votes for one offset in one recording make it a candidate; a candidate counts only once all
its marks were laid beside the asked ones (`agreement`). Any number of processes read; writers of one kind
wait for each other.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from evidence.copies import CopyMatch, Fingerprint, FingerprintKind, Mark
from storage.fingerprints import runs
from storage.fingerprints.agreement import RULES, agreement
from storage.fingerprints.log import MarkLog, Record, storage_error
from storage.fingerprints.marks import Marks, asked_keys, asked_of, from_bytes, from_marks, width
from storage.fingerprints.runs import Run, Votes

#: Bytes of log from which a run is made.
SEAL_BYTES = 32 << 20
#: A run joins the one before it until that is so many times larger, or holds so many postings.
_LARGER = 4
MOST_POSTINGS = 128_000_000
#: How often a recording is laid beside the asked one, and how often the same one along other offsets.
CANDIDATES = 96
_OFFSETS_AN_ITEM = 3
#: Votes within this long count as one offset.
_BIN_MS = 250
_MERGED_MEANWHILE = 10
_UPPER = np.uint64(32)

T = TypeVar("T")


class DiskFingerprintIndex:
    """See the port. Directories are made; `seal_bytes` and `most_postings` are for tests."""

    def __init__(
        self, root: Path, *, seal_bytes: int = SEAL_BYTES, most_postings: int = MOST_POSTINGS
    ) -> None:
        self._kinds = {
            kind: _Kind(kind, root / kind.value, seal_bytes, most_postings) for kind in FingerprintKind
        }

    async def put(self, fingerprint: Fingerprint) -> None:
        """See the port. Now and then this makes a run, or joins two, which takes seconds."""
        await _apart(lambda: self._kinds[fingerprint.kind].put(fingerprint))

    async def of(self, item_id: str, kind: FingerprintKind) -> Fingerprint | None:
        """See the port."""
        return await _apart(lambda: self._kinds[kind].of(item_id))

    async def matches(self, asked: Fingerprint, limit: int) -> Sequence[CopyMatch]:
        """See the port."""
        return await _apart(lambda: self._kinds[asked.kind].matches(asked, limit))

    async def drop(self, item_id: str) -> None:
        """See the port. Its marks are overwritten; single keys (21 bits of a hash) stay until runs join."""
        for kind in self._kinds.values():
            await _apart(lambda kind=kind: kind.drop(item_id))  # type: ignore[misc]

    def close(self) -> None:
        """Let go of the files."""
        for kind in self._kinds.values():
            kind.close()


async def _apart(work: Callable[[], T]) -> T:
    try:
        return await asyncio.to_thread(work)
    except OSError as error:
        raise storage_error(error) from error


class _Kind:
    """The fingerprints of one kind. Every method blocks, and one at a time runs in a process."""

    def __init__(self, kind: FingerprintKind, directory: Path, seal_bytes: int, most_postings: int) -> None:
        self._kind = kind
        self._directory = directory
        self._log = MarkLog(directory, width(kind))
        self._seal_bytes = seal_bytes
        self._most_postings = most_postings
        self._busy = threading.Lock()
        #: How far the log has been read, and what stands in it.
        self._end = 0
        self._live: dict[str, Record] = {}
        self._at: dict[int, str] = {}
        self._runs: list[Run] = []
        self._tail: list[tuple[int, Marks]] = []
        self._tail_run: Run | None = None

    def close(self) -> None:
        with self._busy:
            self._log.close()

    def put(self, fingerprint: Fingerprint) -> None:
        marks = from_marks(self._kind, fingerprint.marks)
        times = marks.at.astype("<u4").tobytes()
        with self._busy, self._log.locked():
            self._catch_up()
            self._log.append(
                self._end, fingerprint.item_id, times, b"".join(mark.data for mark in fingerprint.marks)
            )
            self._catch_up()
            self._settle()

    def of(self, item_id: str) -> Fingerprint | None:
        with self._busy:
            self._catch_up()
            record = self._live.get(item_id)
            found = None if record is None else self._log.marks(record)
        if found is None:
            return None
        marks = from_bytes(self._kind, *found)
        size = width(self._kind)
        hashes = (found[1][at : at + size] for at in range(0, len(found[1]), size))
        return Fingerprint(
            item_id,
            self._kind,
            [Mark(int(at), data) for at, data in zip(marks.at, hashes, strict=True)],
        )

    def drop(self, item_id: str) -> None:
        with self._busy, self._log.locked():
            self._catch_up()
            record = self._live.get(item_id)
            if record is None:
                return
            self._log.append_drop(self._end, item_id)
            self._catch_up()
            for run in self._runs:
                run.erase(self._directory, record.offset)
            self._log.erase(record)

    def matches(self, asked: Fingerprint, limit: int) -> list[CopyMatch]:
        marks = from_marks(self._kind, asked.marks)
        rules = RULES[self._kind]
        which = asked_of(marks)
        keys, rows = asked_keys(self._kind, marks.bits[which])
        with self._busy:
            self._catch_up()
            votes = [
                run.look_up(keys, which[rows], marks, rules.agree_bits)
                for run in (*self._runs, self._run_of_tail())
            ]
            found = []
            for item_id, offsets in self._candidates(votes, asked.item_id).items():
                stored = self._log.marks(self._live[item_id])
                if stored is None:
                    continue
                theirs = from_bytes(self._kind, *stored)
                laid = [agreement(rules, marks, theirs, offset) for offset in offsets]
                agreed = [one for one in laid if one is not None]
                if agreed:
                    found.append((item_id, max(agreed, key=lambda one: (one.agreeing, one.score))))
        found.sort(key=lambda pair: (-pair[1].score, -pair[1].agreeing, pair[0]))
        return [
            CopyMatch(item_id, self._kind, one.score, one.at_ms, one.asked_at_ms, one.length_ms)
            for item_id, one in found[:limit]
        ]

    def _candidates(self, votes: Sequence[Votes], asked_item: str) -> dict[str, list[int]]:
        """The items with most votes for one offset, and for each the offsets with most votes."""
        items = np.concatenate([one.items for one in votes])
        if len(items) == 0:
            return {}
        marks = np.concatenate([one.marks for one in votes])
        behind = np.concatenate([one.behind_ms for one in votes])
        bins = behind // _BIN_MS
        offsets, offset = np.unique(bins, return_inverse=True)
        voters, voter = np.unique(items, return_inverse=True)
        places, place = np.unique(voter * len(offsets) + offset, return_inverse=True)
        # A found mark votes for an offset once, however many asked ones are like it.
        ballots = np.unique(place.astype(np.uint64) << _UPPER | marks.astype(np.uint64))
        counts = np.bincount((ballots >> _UPPER).astype(np.int64))
        chosen: dict[str, list[int]] = {}
        laid = 0
        for most in np.argsort(-counts, kind="stable"):
            item_id = self._at.get(int(voters[places[most] // len(offsets)]))
            if item_id is None or item_id == asked_item:
                continue
            so_far = chosen.setdefault(item_id, [])
            if len(so_far) == _OFFSETS_AN_ITEM:
                continue
            so_far.append(int(np.median(behind[place == most])))
            laid += 1
            if laid == CANDIDATES:
                break
        return chosen

    def _catch_up(self) -> None:
        """Take in what any process has written since, runs included."""
        self._load_runs()
        sealed = self._runs[-1].end if self._runs else 0
        for record in self._log.records(self._end):
            self._end = record.end
            if (old := self._live.pop(record.item_id, None)) is not None:
                self._at.pop(old.offset)
            if record.count is None:
                continue
            self._live[record.item_id] = record
            self._at[record.offset] = record.item_id
            if record.offset >= sealed and (stored := self._log.marks(record)) is not None:
                self._tail.append((record.offset, from_bytes(self._kind, *stored)))
                self._tail_run = None

    def _load_runs(self) -> None:
        for _ in range(_MERGED_MEANWHILE):
            spans = runs.in_use([path.name for path in self._directory.iterdir()])
            if spans == [(run.start, run.end) for run in self._runs]:
                return
            have = {(run.start, run.end): run for run in self._runs}
            try:
                self._runs = [have.get(span) or runs.load(self._directory, *span) for span in spans]
            except FileNotFoundError:
                continue
            sealed = self._runs[-1].end if self._runs else 0
            self._tail = [(offset, marks) for offset, marks in self._tail if offset >= sealed]
            self._tail_run = None
            return

    def _run_of_tail(self) -> Run:
        if self._tail_run is None:
            self._tail_run = runs.build(self._kind, 0, 0, self._tail)
        return self._tail_run

    def _settle(self) -> None:
        """Make a run of a long tail, and join runs until each is much larger than the next."""
        sealed = self._runs[-1].end if self._runs else 0
        if self._end - sealed < self._seal_bytes:
            return
        alive = [(offset, marks) for offset, marks in self._tail if offset in self._at]
        runs.write(self._directory, runs.build(self._kind, sealed, self._end, alive))
        self._load_runs()
        while len(self._runs) > 1:
            before, last = self._runs[-2:]
            sizes = len(before.postings), len(last.postings)
            if sizes[0] >= _LARGER * sizes[1] or sum(sizes) > self._most_postings:
                break
            live: npt.NDArray[np.uint64] = np.array(sorted(self._at), np.uint64)
            runs.merge(self._directory, (before, last), live)
            self._load_runs()
        runs.sweep(self._directory)
