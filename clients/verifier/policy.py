"""Whose word for a log suffices: a policy file (c2sp.org/tlog-policy), and heads that meet it.

Written from docs/formats/log.md and the specification; shares no code with the server.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeAlias

from clients.verifier.ed25519 import BadSignature, PublicKey
from clients.verifier.heads import (
    Cosigned,
    Head,
    PinnedKey,
    Step,
    decoded,
    pinned,
    sha256,
    verified_head,
)
from clients.verifier.receipt import NotVerified
from clients.verifier.revocation import NO_LISTS, Lists
from clients.verifier.tokens import TimeTrust

_COSIGNATURE = 4
_NONE = "none"
#: For every other reader of such a file a comment.
_TIME_POLICY = "#time-policy"
_OTHERS = "whether others were shown the same head"
#: What a policy that lets two pass does not show.
TWO_HALVES = "that no other tree meets this policy: two halves of its witnesses could cosign two"
_LATEST = 253_402_300_799
_MOST_LINES = 4_096


@dataclass(frozen=True, slots=True)
class Group:
    """Of these witnesses and groups, by their names, at least `needed`."""

    needed: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """Logs whose heads are believed once a quorum of witnesses has cosigned them.

    `quorum` is the name of a witness or of a group, or None where none is asked for.
    """

    logs: tuple[PinnedKey, ...]
    witnesses: Mapping[str, PinnedKey]
    groups: Mapping[str, Group]
    quorum: str | None
    #: Under which policies (object identifiers) time authorities have to sign; none: any.
    time_policies: frozenset[str] = frozenset()

    def log_of(self, note: str) -> PinnedKey:
        """The key of the log that the note is of; raises NotVerified for one that is not in the policy."""
        origin = note.partition("\n")[0]
        for key in self.logs:
            if key.name == origin:
                return key
        raise NotVerified(f"the policy knows no log {origin!r}")


Trust: TypeAlias = PinnedKey | Policy


def parse_policy(data: bytes) -> Policy:
    """The policy in a file's bytes; raises NotVerified with the line that is wrong."""
    # Octets above ASCII are opaque there; read so, each stays itself and none is a space.
    text = data.decode("utf-8", "surrogateescape")
    if re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", data):
        raise NotVerified("the policy has control characters")
    made = _Making()
    lines = text.split("\n")
    if len(lines) > _MOST_LINES:
        raise NotVerified("the policy is too long")
    for number, line in enumerate(lines, 1):
        words = [word for word in re.split("[ \t]+", line) if word]
        if not words or (words[0].startswith("#") and words[0] != _TIME_POLICY):
            continue
        try:
            made.take(words)
        except NotVerified as error:
            raise NotVerified(f"line {number} of the policy: {error}") from error
    if made.quorum is None:
        raise NotVerified("the policy has no quorum line")
    quorum = None if made.quorum == _NONE else made.quorum
    return Policy(tuple(made.logs), made.witnesses, made.groups, quorum, frozenset(made.time_policies))


class _Making:
    """A policy of which some lines are read."""

    def __init__(self) -> None:
        self.logs: list[PinnedKey] = []
        self.witnesses: dict[str, PinnedKey] = {}
        self.groups: dict[str, Group] = {}
        self.quorum: str | None = None
        self.time_policies: set[str] = set()
        self._members: set[str] = set()

    def take(self, words: Sequence[str]) -> None:
        """Read the words of one line; raises NotVerified."""
        kind, *rest = words
        if kind == "log" and len(rest) in (1, 2):
            self._log(pinned(rest[0]))
        elif kind == "witness" and len(rest) in (2, 3):
            self._witness(rest[0], _witness_key(rest[1]))
        elif kind == "group" and len(rest) >= 3:
            self._group(rest[0], rest[1], rest[2:])
        elif kind == "quorum" and len(rest) == 1:
            if self.quorum is not None:
                raise NotVerified("there is a quorum already")
            if rest[0] != _NONE:
                self._known(rest[0])
            self.quorum = rest[0]
        elif kind == _TIME_POLICY and len(rest) == 1:
            self.time_policies.add(checked_time_policy(rest[0]))
        else:
            raise NotVerified("it is none of log, witness, group and quorum with what belongs to it")

    def _log(self, key: PinnedKey) -> None:
        _require_new(key, [*self.logs, *self.witnesses.values()])
        if any(one.name == key.name for one in self.logs):
            raise NotVerified("there is a log of that name already")
        self.logs.append(key)

    def _witness(self, name: str, key: PinnedKey) -> None:
        self._unused(name)
        # A log that is its own witness has none.
        _require_new(key, [*self.logs, *self.witnesses.values()])
        self.witnesses[name] = key

    def _group(self, name: str, needed: str, members: Sequence[str]) -> None:
        self._unused(name)
        for member in members:
            self._known(member)
            if member in self._members:
                raise NotVerified(f"{member!a} is a member already, and would count twice")
            self._members.add(member)
        counts = {"any": 1, "all": len(members)}
        if needed not in counts and not re.fullmatch("[1-9][0-9]{0,5}", needed):
            raise NotVerified("how many a group needs is any, all or a number")
        count = counts.get(needed) or int(needed)
        if count > len(members):
            raise NotVerified("a group needs more than it has")
        self.groups[name] = Group(count, tuple(members))

    def _unused(self, name: str) -> None:
        if name == _NONE or name in self.witnesses or name in self.groups:
            raise NotVerified(f"the name {name!a} is taken")

    def _known(self, name: str) -> None:
        if name not in self.witnesses and name not in self.groups:
            raise NotVerified(f"nothing is called {name!a} yet")


def checked_time_policy(text: str) -> str:
    """An object identifier; raises NotVerified for what is none."""
    if not re.fullmatch(r"[0-2](\.(0|[1-9][0-9]{0,39})){1,31}", text):
        raise NotVerified(f"{text!a} is no object identifier of a time authority's policy")
    return text


def time_trust(
    trust: Trust, roots: Iterable[bytes], time_policies: Iterable[str], lists: Lists = NO_LISTS
) -> TimeTrust:
    """Whose times count: under the policies that are named, and those of the policy file."""
    named = frozenset(map(checked_time_policy, time_policies))
    policies = named if isinstance(trust, PinnedKey) else named | trust.time_policies
    return TimeTrust(tuple(roots), policies, lists)


def _require_new(key: PinnedKey, others: Iterable[PinnedKey]) -> None:
    raw = key.public.raw
    if any(one.public.raw == raw for one in others):
        raise NotVerified("one key stands there twice")


def _witness_key(text: str) -> PinnedKey:
    name, _, rest = text.partition("+")
    digits, _, encoded = rest.partition("+")
    material = decoded(encoded, "the witness' key")
    if not name or len(material) != 33 or material[0] != _COSIGNATURE:
        raise NotVerified("the key is not that of a witness")
    key_id = sha256(name.encode("utf-8", "surrogateescape"), b"\n", material)[:4]
    if key_id.hex() != digits:
        raise NotVerified("the key's identifier does not belong to it")
    return PinnedKey(name, key_id, PublicKey(material[1:]))


def only_log_pem(policy: Policy) -> bytes:
    """The key of the policy's only log in PEM, with which receipts are signed too. Raises NotVerified."""
    if len(policy.logs) != 1:
        raise NotVerified("the policy has not one log alone: name the receipt's key with --key")
    return policy.logs[0].pem


def trusted_head(note: str, trust: Trust, *, earlier_too: bool = False) -> Head:
    """The head that is signed by the pinned key, or as the policy asks; raises NotVerified.

    With `earlier_too` one of the log's earlier keys suffices. Every cosignature of a witness of the
    policy has to hold, also beyond the quorum.
    """
    if isinstance(trust, PinnedKey):
        return verified_head(note, trust, earlier_too=earlier_too)
    head = verified_head(note, trust.log_of(note), earlier_too=earlier_too)
    body, _, lines = note.rpartition("\n\n")
    found: dict[str, Cosigned] = {}
    for line in lines.removesuffix("\n").split("\n"):
        _, name, encoded = line.split(" ")
        signature = decoded(encoded, "a signature of the checkpoint")
        for called, key in trust.witnesses.items():
            if (name, signature[:4]) == (key.name, key.key_id):
                found[called] = _cosigned(key, body + "\n", signature[4:])
    if trust.quorum is not None and not _has_witnessed(trust, trust.quorum, found.keys()):
        told = ", ".join(one.witness for one in found.values()) or "none of its witnesses"
        raise NotVerified(f"the policy's quorum has not cosigned this head: {told} did")
    return replace(head, cosigned=tuple(found[called] for called in trust.witnesses if called in found))


def _cosigned(key: PinnedKey, text: str, signature: bytes) -> Cosigned:
    at = int.from_bytes(signature[:8], "big")
    try:
        key.public.verify(signature[8:], f"cosignature/v1\ntime {at}\n{text}".encode())
    except BadSignature as error:
        raise NotVerified(f"the cosignature of {key.name} does not hold: somebody changed it") from error
    if not 0 < at <= _LATEST:
        raise NotVerified(f"the cosignature of {key.name} states no time")
    return Cosigned(key.name, datetime.fromtimestamp(at, UTC))


def _has_witnessed(policy: Policy, name: str, cosigned: Iterable[str]) -> bool:
    """Whether a witness or a group has; a group only names what stands before it, so this ends."""
    done = set(cosigned)
    for called, group in policy.groups.items():
        if sum(member in done for member in group.members) >= group.needed:
            done.add(called)
    return name in done


def lets_two_pass(policy: Policy) -> bool:
    """Whether honest witnesses could cosign two trees that both meet the policy: each half one of them.

    Each witness is in the policy in one place alone, and cosigns one of the two trees.
    """
    both = dict.fromkeys(policy.witnesses, False)
    for called, group in policy.groups.items():
        in_both = sum(both[member] for member in group.members)
        both[called] = len(group.members) + in_both >= 2 * group.needed
    return policy.quorum is None or both[policy.quorum]


def head_step(head: Head, trust: Trust) -> Step:
    """What the signatures of a head show, and what they do not."""
    signed = f"{head.origin} signed a tree of {head.size} leaves"
    if isinstance(trust, PinnedKey):
        return Step("signature of the head", signed, f"{_OTHERS}: compare checkpoints{_by(head)}")
    if not head.cosigned:
        return Step("signature of the head", signed, f"{_OTHERS}: this policy asks for no witness")
    return Step(
        "signature of the head",
        f"{signed}, and {told(head)} cosigned it",
        f"whether the witnesses are honest, and what was never recorded: they saw hashes alone{_and(trust)}",
    )


def _by(head: Head) -> str:
    return "; whether its key, replaced since, was still in the right hands" if head.by_earlier else ""


def _and(policy: Policy) -> str:
    return f"; and {TWO_HALVES}" if lets_two_pass(policy) else ""


def told(head: Head) -> str:
    """Which witnesses, and when by their own clocks."""
    return ", ".join(f"{one.witness} at {one.at:%Y-%m-%d %H:%M:%S} UTC" for one in head.cosigned)
