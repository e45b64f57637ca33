"""Sorted runs: for a stretch of the log, every key with the mark that has it, in the order of keys.

A run is a directory of plain numpy arrays that are mapped, not read. It is written beside its final name
and renamed once it is durable, so that a crash leaves either all of it or something that is swept away.
Invariants: a run never changes once it has its name, except that dropped marks become zeros in it; the runs
in use do not overlap; two runs are made one a sixteenth of the keys at a time, so that memory stays small.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from evidence.copies import FingerprintKind
from storage.fingerprints.log import sync_directory
from storage.fingerprints.marks import Bits, Ints, Keys, Marks, distances, keyed, stored_keys

_NAME = re.compile(r"run-([0-9a-f]{16})-([0-9a-f]{16})")
_ARRAYS = ("items", "owners", "times", "bits", "postings")
_SLICES = 16
_LOW = np.uint64(0xFFFF_FFFF)
_KEY_SHIFT = np.uint64(32)
#: Candidates that one run is asked about at once; the rarest keys come first.
_BUDGET = 2_000_000


@dataclass(frozen=True, slots=True)
class Votes:
    """Pairs that may agree: the record's offset in the log, the found mark, and how far behind it lies."""

    items: npt.NDArray[np.uint64]
    marks: Ints
    behind_ms: Ints


@dataclass(frozen=True, slots=True)
class Run:
    """`items` are offsets of records in the log; `owners` says which of them each keyed mark belongs to.

    A posting is a key in the upper 32 bits and in the lower ones the number of the mark that has it.
    """

    start: int
    end: int
    items: npt.NDArray[np.uint64]
    owners: npt.NDArray[np.uint32]
    times: npt.NDArray[np.uint32]
    bits: Bits
    postings: npt.NDArray[np.uint64]

    def look_up(self, keys: Keys, rows: Ints, asked: Marks, agree_bits: int) -> Votes:
        """Who has these keys, where the marks themselves are near enough too."""
        wanted = keys.astype(np.uint64) << _KEY_SHIFT
        order = np.argsort(wanted)
        wanted, rows = wanted[order], rows[order]
        first = np.searchsorted(self.postings, wanted)
        counts = np.searchsorted(self.postings, wanted | _LOW, side="right") - first
        rarest = np.argsort(counts, kind="stable")
        rarest = rarest[np.cumsum(counts[rarest]) <= _BUDGET]
        rarest.sort()
        counts, first, rows = counts[rarest], first[rarest], rows[rarest]
        places = np.arange(counts.sum()) + np.repeat(first - (np.cumsum(counts) - counts), counts)
        marks = (self.postings[places] & _LOW).astype(np.int64)
        rows = np.repeat(rows, counts)
        near = distances(self.bits[marks], asked.bits[rows]) <= agree_bits
        marks, rows = marks[near], rows[near]
        behind = self.times[marks].astype(np.int64) - asked.at[rows]
        return Votes(self.items[self.owners[marks]], marks, behind)

    def erase(self, directory: Path, offset: int) -> None:
        """Make zeros of what is kept of a dropped record's marks; durable on return."""
        owner = int(np.searchsorted(self.items, np.uint64(offset)))
        if owner == len(self.items) or int(self.items[owner]) != offset:
            return
        path = directory / name_of(self.start, self.end) / "bits.npy"
        bits = np.load(path, mmap_mode="r+")
        bits[np.searchsorted(self.owners, owner) : np.searchsorted(self.owners, owner, "right")] = 0
        bits.flush()


def name_of(start: int, end: int) -> str:
    """The directory of the run over this stretch of the log."""
    return f"run-{start:016x}-{end:016x}"


def build(kind: FingerprintKind, start: int, end: int, found: Sequence[tuple[int, Marks]]) -> Run:
    """A run in memory, of records as (offset in the log, marks) in the order of the log."""
    chosen = [marks.chosen(keyed(kind, marks)) for _, marks in found]
    owners = np.repeat(np.arange(len(chosen), dtype=np.uint32), [len(marks) for marks in chosen])
    empty = Marks(np.zeros(0, np.int64), np.zeros((0, 4), np.uint64))
    if kind is FingerprintKind.AUDIO:
        empty = Marks(empty.at, np.zeros((0, 1), np.uint32))
    bits = np.concatenate([empty.bits, *(marks.bits for marks in chosen)])
    times = np.concatenate([empty.at, *(marks.at for marks in chosen)]).astype(np.uint32)
    keys, rows = stored_keys(kind, bits)
    postings = np.sort(keys.astype(np.uint64) << _KEY_SHIFT | rows.astype(np.uint64))
    items = np.array([offset for offset, _ in found], np.uint64)
    return Run(start, end, items, owners, times, bits, postings)


def write(directory: Path, run: Run) -> None:
    """Give the run its name; durable on return. For the lock's holder."""
    arrays = (run.items, run.owners, run.times, run.bits, run.postings)
    _write(directory, run.start, run.end, [[array] for array in arrays])


def merge(directory: Path, runs: Sequence[Run], live: npt.NDArray[np.uint64]) -> None:
    """One run instead of these neighbours, without the keys of records that are not in `live`.

    Durable on return. For the lock's holder.
    """
    item_base = np.cumsum([0, *(len(run.items) for run in runs[:-1])])
    mark_base = np.cumsum([0, *(len(run.times) for run in runs[:-1])])
    is_live = np.concatenate([np.isin(run.items, live)[run.owners] for run in runs])
    arrays: list[Iterable[npt.NDArray[Any]]] = [
        [run.items for run in runs],
        [run.owners + np.uint32(base) for run, base in zip(runs, item_base, strict=True)],
        [run.times for run in runs],
        [run.bits for run in runs],
        _merged(runs, mark_base, is_live),
    ]
    _write(directory, runs[0].start, runs[-1].end, arrays)


def _write(directory: Path, start: int, end: int, arrays: Sequence[Iterable[npt.NDArray[Any]]]) -> None:
    """Each array is handed over in pieces, so that the whole of it is never in memory."""
    new = directory / f"new-{name_of(start, end)}"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    for name, pieces in zip(_ARRAYS, arrays, strict=True):
        with (new / f"{name}.npy").open("wb") as file:
            length = 0
            for piece in pieces:
                if not length:
                    _write_header(file, piece, length)
                file.write(np.ascontiguousarray(piece).data)
                length += len(piece)
            file.seek(0)
            _write_header(file, piece, length)
            file.flush()
            os.fsync(file.fileno())
    sync_directory(new)
    new.rename(directory / name_of(start, end))
    sync_directory(directory)


def _write_header(file: BinaryIO, like: npt.NDArray[Any], length: int) -> None:
    """The head of an array file: numpy leaves room in it for any length of the first axis."""
    shape = (length, *like.shape[1:])
    np.lib.format.write_array_header_1_0(
        file, {"descr": like.dtype.str, "fortran_order": False, "shape": shape}
    )


def _merged(
    runs: Sequence[Run], mark_base: Ints, is_live: npt.NDArray[np.bool_]
) -> Iterator[npt.NDArray[np.uint64]]:
    for number in range(_SLICES):
        low, high = np.uint64(number << 60), np.uint64((number << 60) | (1 << 60) - 1)
        pieces = []
        for run, base in zip(runs, mark_base, strict=True):
            within = slice(
                int(np.searchsorted(run.postings, low)), int(np.searchsorted(run.postings, high, "right"))
            )
            piece = run.postings[within] + np.uint64(base)
            pieces.append(piece[is_live[(piece & _LOW).astype(np.int64)]])
        yield np.sort(np.concatenate(pieces))


def sweep(directory: Path) -> None:
    """Remove what a crash or a merge has left: unfinished runs, and runs that another one covers."""
    names = [path.name for path in directory.iterdir()]
    used = {name_of(*span) for span in in_use(names)}
    for name in names:
        if name.startswith("new-run-") or (_NAME.fullmatch(name) and name not in used):
            shutil.rmtree(directory / name, ignore_errors=True)


def in_use(names: Sequence[str]) -> list[tuple[int, int]]:
    """The stretches of those runs that no other one covers, in order."""
    spans = sorted(
        ((int(found[1], 16), int(found[2], 16)) for found in map(_NAME.fullmatch, names) if found),
        key=lambda span: (span[0], -span[1]),
    )
    used: list[tuple[int, int]] = []
    for start, end in spans:
        if not used or start >= used[-1][1]:
            used.append((start, end))
    return used


def load(directory: Path, start: int, end: int) -> Run:
    """Map a run. Raises FileNotFoundError if a merge has just replaced it."""
    home = directory / name_of(start, end)
    # A plain array over the mapping: every slice of numpy's own memmap class costs ten times as much.
    arrays = [
        np.asarray(np.load(home / f"{name}.npy", mmap_mode="r", allow_pickle=False)) for name in _ARRAYS
    ]
    return Run(start, end, *arrays)
