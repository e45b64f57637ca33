"""Checking a whole custody log from its files alone (docs/formats/log.md): a copy of the store is enough.

Numbered steps; each says what it proved. The first thing that is wrong ends it, with the place.
Written from the pages of the formats; shares no code with the server.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from clients.verifier.heads import Head, PinnedKey, Step, read, tree_root, verified_head
from clients.verifier.objects import Told, verify_objects
from clients.verifier.policy import (
    TWO_HALVES,
    Policy,
    Trust,
    head_step,
    lets_two_pass,
    time_trust,
    told,
    trusted_head,
)
from clients.verifier.receipt import NotVerified
from clients.verifier.revocation import NO_LISTS, Lists
from clients.verifier.stamps import (
    require_no_larger,
    roots_at,
    stamped_in,
    verify_own_stamps,
    verify_stamps,
)

_WIDTH = 256
_LEAF_MEMBERS = {"chains", "event", "v"}


@dataclass(slots=True)
class LogReport:
    """What was proven of a log."""

    head: Head
    steps: list[Step] = field(default_factory=list)
    subjects: int = 0
    emitters: int = 0


@dataclass(slots=True)
class _Reader:
    """The leaves of a log, counted while they are read."""

    directory: Path
    head: Head
    subjects: dict[str, tuple[int, str]] = field(default_factory=dict)
    emitters: dict[str, int] = field(default_factory=dict)
    told: Told = field(default_factory=Told)
    events: set[str] = field(default_factory=set)

    def bundle(self, number: int) -> list[bytes]:
        """The leaves of one bundle."""
        width = min(self.head.size - number * _WIDTH, _WIDTH)
        name = tile_name("entries", number, width)
        data, entries, at = read(self.directory, name), [], 0
        while at < len(data):
            length = int.from_bytes(data[at : at + 2], "big")
            if at + 2 + length > len(data):
                raise NotVerified(f"{name} ends in the middle of a leaf")
            entries.append(data[at + 2 : at + 2 + length])
            at += 2 + length
        if len(entries) != width:
            raise NotVerified(f"{name} holds {len(entries)} leaves and not {width}")
        return entries

    def take(self, number: int, leaf: bytes, made: bytes) -> None:
        """Look at one leaf: its form, its chains, its emitter's count."""
        where = f"leaf {number}"
        try:
            parsed = json.loads(leaf)
            event, chains = parsed["event"], parsed["chains"]
            named = sorted({subject["id"] for subject in event["subjects"]})
            emitter, count, event_id = event["emitter"], event["n"], event["id"]
            links = [(link["subject"], link["seq"], link["prev"]) for link in chains]
        except (ValueError, KeyError, TypeError) as error:
            raise NotVerified(f"{where} is not a leaf of version 1") from error
        if parsed.keys() != _LEAF_MEMBERS or parsed["v"] != "custos/leaf/1":
            raise NotVerified(f"{where} is not a leaf of version 1")
        if [subject for subject, _, _ in links] != named:
            raise NotVerified(f"{where} does not chain the subjects of its event")
        if event_id in self.events:
            raise NotVerified(f"{where} holds the event {event_id} a second time")
        self.events.add(event_id)
        for subject, seq, prev in links:
            last, before = self.subjects.get(subject, (-1, None))
            if (seq, prev) != (last + 1, before):
                raise NotVerified(f"{where} does not follow the leaf before it of {subject}")
            self.subjects[subject] = (seq, made.hex())
        expected = self.emitters.get(emitter, 0)
        if count != expected:
            raise NotVerified(
                f"{where} is event {count} of its emitter {emitter}, and {expected} was to come: "
                "events are missing"
            )
        self.emitters[emitter] = count + 1
        try:
            self.told.take(event, leaf)
        except (KeyError, TypeError, AttributeError) as error:
            raise NotVerified(f"{where} is not a leaf of version 1") from error


def tile_name(level: str, number: int, width: int) -> str:
    """Where a tile or bundle lies below `log/`."""
    digits = str(number)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    parts = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    name = "/".join([*(f"x{part}" for part in parts[:-1]), parts[-1]])
    return f"tile/{level}/{name}" + ("" if width == _WIDTH else f".p/{width}")


def verify_log(
    directory: Path,
    trust: Trust,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
    roots: Sequence[bytes] = (),
    objects: Path | None = None,
    time_policies: Collection[str] = (),
    lists: Lists = NO_LISTS,
) -> LogReport:
    """Check every leaf, tile and chain of the log in `directory` against the head that the log has signed.

    Under a policy the newest witnessed head has to meet it and to be of a beginning of this very tree.
    `progress` hears of leaves done; `roots` are the root certificates (PEM) of the time authorities that
    are trusted, under one of `time_policies` where any are named, here or in the policy, and not revoked by
    `lists` or by those of the log; with `objects` every
    file of the store is held against the log as well. Raises NotVerified with the first thing that is
    wrong, and where.
    """
    # First what speaks of the head: the log may grow while it is read.
    stamped, cosigned = stamped_in(directory), _cosigned(directory, trust)
    note = _text(read(directory, "checkpoint"))
    key = trust if isinstance(trust, PinnedKey) else trust.log_of(note)
    head = verified_head(note, key)
    report = LogReport(head)
    report.steps.append(head_step(head, key))
    reader = _Reader(directory, head)
    leaves = [hashlib.sha256(b"\x00" + leaf).digest() for leaf in _leaves(reader)]
    if tree_root(leaves) != head.root:
        raise NotVerified(_what_is_wrong(directory, leaves))
    report.steps.append(Step("leaves", f"{head.size} leaves lead to the root that was signed"))
    levels = _levels(leaves)
    for level, hashes in enumerate(levels):
        for name, data in _tiles(level, hashes):
            if read(directory, name) != data:
                raise NotVerified(f"{name} was changed: it does not hold the hashes of what it speaks of")
    report.steps.append(Step("tiles", f"every tile of {len(levels)} levels holds the hashes of these leaves"))
    for number, leaf in enumerate(_leaves(reader)):
        reader.take(number, leaf, leaves[number])
        if number % _WIDTH == 0:
            progress(number, head.size)
    progress(head.size, head.size)
    report.subjects, report.emitters = len(reader.subjects), len(reader.emitters)
    report.steps.append(
        Step(
            "chains",
            f"no leaf about any of {report.subjects} subjects was left out or put elsewhere",
            "what happened and was never recorded",
        )
    )
    report.steps.append(
        Step(
            "emitters",
            f"each of {report.emitters} emitters' events count on without a hole",
            "events after an emitter's last one",
        )
    )
    times = time_trust(trust, roots, time_policies, lists)
    report.steps.append(verify_stamps(directory, stamped, key, leaves, times))
    own = verify_own_stamps(directory, stamped, key, leaves)
    if own is not None:
        report.steps.append(own)
    if cosigned is not None and isinstance(trust, Policy):
        report.steps.append(_witnessed(cosigned, trust, leaves))
    if objects is not None:
        report.steps.append(verify_objects(objects, reader.told, progress))
    return report


def _cosigned(directory: Path, trust: Trust) -> bytes | None:
    """The newest head that witnesses have cosigned; None where none is asked for."""
    if not isinstance(trust, Policy) or trust.quorum is None:
        return None
    return read(directory, "witnessed")


def _witnessed(cosigned: bytes, policy: Policy, leaves: list[bytes]) -> Step:
    """That what the witnesses have cosigned is a beginning of this tree."""
    head = trusted_head(_text(cosigned), policy)
    require_no_larger("witnessed", head.size, len(leaves))
    if roots_at(leaves, {head.size}).get(head.size) != head.root:
        raise NotVerified("the witnesses cosigned another tree than this one: the log was forked")
    younger = len(leaves) - head.size
    unseen = [f"whether others were shown the same {younger} leaves after them"] if younger else []
    unseen += [TWO_HALVES] if lets_two_pass(policy) else []
    return Step(
        "witnesses",
        f"the first {head.size} leaves are the tree that {told(head)} cosigned",
        "; ".join(unseen),
    )


def _what_is_wrong(directory: Path, leaves: list[bytes]) -> str:
    """Which leaf is not the one that was signed, as far as the tiles tell."""
    for first, (name, _) in zip(range(0, len(leaves), _WIDTH), _tiles(0, leaves), strict=True):
        held = read(directory, name)
        for place, made in enumerate(leaves[first : first + _WIDTH]):
            if held[place * 32 : place * 32 + 32] != made:
                return f"leaf {first + place} was changed: it does not have the hash that {name} holds"
    return "the leaves do not lead to the root that was signed: some were changed, added or removed"


def _tiles(level: int, hashes: list[bytes]) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each tile of a level."""
    for number in range(-(-len(hashes) // _WIDTH)):
        some = hashes[number * _WIDTH : (number + 1) * _WIDTH]
        yield tile_name(str(level), number, len(some)), b"".join(some)


def _levels(leaves: list[bytes]) -> list[list[bytes]]:
    """The hashes that each level of tiles holds."""
    levels = [leaves] if leaves else []
    while levels and len(levels[-1]) >= _WIDTH:
        below = levels[-1]
        full = len(below) // _WIDTH
        levels.append([tree_root(below[at * _WIDTH : (at + 1) * _WIDTH]) for at in range(full)])
    return levels


def _leaves(reader: _Reader) -> Iterator[bytes]:
    for number in range(-(-reader.head.size // _WIDTH)):
        yield from reader.bundle(number)


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise NotVerified("the checkpoint is no text") from error
