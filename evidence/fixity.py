"""Fixity audits 定期完整性校验: what is read again and when, how fast, what a finding means. Pure.

Invariants: what was looked at longest ago comes first, and nothing that is kept is left out, whatever the
clock did meanwhile; all readings together stay below the rate, however many processes read and however
often one of them is killed; a finding names what it is about and what it was compared with.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from evidence.canonical import Json
from evidence.timekeeping import is_live

#: Bytes that a reading asks for at once, and the least that looking at something counts for.
PIECE = 1 << 20
#: For how long a reading is given bytes at once: what a killed one leaves unread is no more than that.
SLICE = timedelta(seconds=2)
#: A time further ahead than this, at which reading may go on, was written under another clock.
_LONGEST_AHEAD = timedelta(minutes=1)
#: Audits that are queued at once.
AHEAD = 8
#: What did not prove is looked at again so soon, whether or not somebody asks.
AGAIN_AFTER = timedelta(days=7)
#: A disk that refuses is asked so often before it is a finding.
TRIES = 3

#: So many missing one after the other: then the disk is not mounted, sooner than that each is a loss.
IN_A_ROW = 10

ORIGINAL = "original"
MANIFEST = "manifest"


class Finding(StrEnum):
    """What became of stored bytes; the first is the worst."""

    MISSING = "missing"
    MISMATCH = "mismatch"
    UNREADABLE = "unreadable"
    INTACT = "intact"


_WORST_FIRST = tuple(Finding)


@dataclass(frozen=True, slots=True)
class Digests:
    """What a full re-reading found. `method` is "direct" (the medium was read) or "cached"."""

    size: int
    sha256: str
    sha512: str
    sm3: str
    method: str


@dataclass(frozen=True, slots=True)
class Expected:
    """What has to lie under a key. `what` is "original", "manifest" or a rendition's kind."""

    what: str
    key: str
    size: int
    sha256: str
    #: None for what cannot be made again.
    rendition_id: str | None = None
    #: The store's own name for these bytes, where it is on record.
    version: str = ""


@dataclass(frozen=True, slots=True)
class Looked:
    """One object that was read again; `found` is None where there was nothing to read.

    `covers`: how many versions and delete markers lie there that are not ours.
    """

    expected: Expected
    finding: Finding
    found: Digests | None = None
    covers: int = 0

    def as_json(self) -> dict[str, Json]:
        """The form in an event's detail: both sides of the comparison."""
        expected, found = self.expected, self.found
        return {
            "what": expected.what,
            "key": expected.key,
            "finding": self.finding.value,
            "expected": {"sha256": expected.sha256, "size": expected.size},
            "found": None if found is None else {"sha256": found.sha256, "size": found.size},
        }


@dataclass(frozen=True, slots=True)
class Audit:
    """Where an item stands: when it was last looked at, and when it last proved to be whole.

    Until its first audit the read-back counts as both, and before that, the commit.
    """

    item_id: str
    seen_at: datetime
    proven_at: datetime
    audited_at: datetime | None = None
    #: "direct" (the medium was read) or "cached", as the store said of the last audit.
    method: str | None = None
    outcome: Finding | None = None
    #: What did not prove: "original", "manifest", kinds of renditions.
    failing: tuple[str, ...] = ()
    #: When somebody asked for it, until it is done.
    asked_at: datetime | None = None

    @property
    def is_failing(self) -> bool:
        """Whether the last audit found something."""
        return self.outcome not in (None, Finding.INTACT)


@dataclass(frozen=True, slots=True)
class Tally:
    """How the audits stand. `objects` and `bytes`: of a whole round."""

    kept: int
    objects: int
    bytes: int
    audited: int
    due: int
    failing: int
    #: When what was looked at longest ago was; None where nothing is kept.
    oldest: datetime | None
    #: When the first audit was that is still the last of its item.
    since: datetime | None


def judge(expected: Expected, found: Digests | None) -> Finding:
    """What the reading of an object means; `found` None: nothing lies there."""
    if found is None:
        return Finding.MISSING
    same = (found.size, found.sha256) == (expected.size, expected.sha256)
    return Finding.INTACT if same else Finding.MISMATCH


def worst(findings: Iterable[Finding]) -> Finding:
    """The outcome of an audit: the worst of its findings, INTACT for none."""
    return min(findings, key=_WORST_FIRST.index, default=Finding.INTACT)


def waits(audit: Audit, every: timedelta) -> timedelta:
    """How long after it was last looked at an item is due."""
    return min(every, AGAIN_AFTER) if audit.is_failing else every


def is_due(audit: Audit, now: datetime, every: timedelta | None, since: datetime | None) -> bool:
    """Whether the item is to be audited now. `every` None: only what is asked for.

    `since`: when a whole round was last asked for. What was looked at later than now is due: that was
    written under another clock, and would not come for years.
    """
    if audit.asked_at is not None or (since is not None and audit.seen_at < since):
        return True
    if every is None:
        return False
    wait = waits(audit, every)
    return not is_live(audit.seen_at + wait, now, wait)


def due_at(audit: Audit, every: timedelta | None) -> datetime | None:
    """When the item is due; None: not before somebody asks."""
    if audit.asked_at is not None:
        return audit.asked_at
    return None if every is None else audit.seen_at + waits(audit, every)


def in_order(audits: Iterable[Audit]) -> list[Audit]:
    """What somebody asked for first, then what was looked at longest ago."""
    return sorted(audits, key=lambda one: (one.asked_at is None, one.seen_at, one.item_id))


def looks_unmounted(latest: Sequence[Audit]) -> bool:
    """Whether the latest audits, newest first, found nothing at all: no single item is to blame for that."""
    gone = [one.outcome is Finding.MISSING and one.method is None for one in latest[:IN_A_ROW]]
    return len(gone) == IN_A_ROW and all(gone)


def cost(size: int) -> int:
    """What looking at an object of that size counts for, in bytes."""
    return (-(-size // PIECE) + 1) * PIECE


def at_once(rate: int, left: int) -> int:
    """How many bytes a reading asks for that has `left` to read, at `rate` bytes a second."""
    return max(PIECE, min(left, rate * (SLICE // timedelta(seconds=1))))


def allot(free_at: datetime | None, now: datetime, amount: int, rate: int) -> tuple[datetime, datetime]:
    """When a reading may begin with `amount` bytes, and when the next one may after it.

    `free_at` is the second value of the call before, None before the first.
    """
    begins = now
    if free_at is not None and is_live(free_at, now, _LONGEST_AHEAD):
        begins = free_at
    return begins, begins + timedelta(microseconds=-(-amount * 1_000_000 // rate))


def round_takes(objects: int, size: int, rate: int) -> timedelta:
    """The least time in which `objects` with `size` bytes together are all read at `rate`."""
    return timedelta(seconds=-(-(size + objects * PIECE) // rate))


#: The alarm of audits that stand still, and what it is about.
STOPPED = ("fixity-stopped", "store")
STOPPED_SAYS = (
    f"{IN_A_ROW} items in a row are missing in the store, so no more are audited: its disk is probably not "
    "mounted. Mount it, then run `custos fixity run --item ID` with one of them; once anything is found, "
    "audits go on."
)
#: Alarms of audits; a good audit of the same item clears them.
KINDS = ("fixity-missing", "fixity-mismatch", "fixity-unreadable", "fixity-rendition", "store-covered")
_SAYS = {
    Finding.MISSING: "is not in the store any more",
    Finding.MISMATCH: "is not the bytes that were stored",
    Finding.UNREADABLE: "cannot be read: the disk refuses",
}
_REPAIR = (
    "Touch nothing in the store. Look at the disk's log, and find another copy whose SHA-256 is the one in "
    "the receipt (the card, a backup, bytes that were sent out); docs/fixity.md says how to go on."
)


def alarms_of(looked: Iterable[Looked]) -> dict[str, str]:
    """The alarms that these findings raise: by kind, words that say what is wrong and what to do."""
    found: dict[str, list[Looked]] = {}
    for one in looked:
        if one.finding is not Finding.INTACT:
            rendition = one.expected.rendition_id is not None
            kind = "fixity-rendition" if rendition else f"fixity-{one.finding}"
            found.setdefault(kind, []).append(one)
        if one.covers:
            found.setdefault("store-covered", []).append(one)
    return {kind: _words(kind, found[kind]) for kind in KINDS if kind in found}


def _words(kind: str, found: Sequence[Looked]) -> str:
    if kind == "fixity-rendition":
        named = "; ".join(f"{one.expected.what} {_SAYS[one.finding]}" for one in found)
        return (
            f"What was made of this recording was damaged in the store and could not be made again: {named}. "
            "The original was read and is judged by itself. Ask for what you need of it anew."
        )
    named = " and the ".join(one.expected.what for one in found)
    if kind == "store-covered":
        versions = sum(one.covers for one in found)
        return (
            f"In the bucket, {versions} versions or delete markers that Custos did not make lie over the "
            f"{named} of this recording. Custos serves what it recorded; other programs would be given what "
            "lies on top. Find out who has keys that may write there; docs/s3.md says how to go on."
        )
    return f"The {named} of this recording {_SAYS[found[0].finding]}. {_REPAIR}"
