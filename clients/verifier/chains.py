"""The events of one item or case as a chain to signed heads (docs/formats/log.md §5, export.md §5), offline.

Written from the pages of the formats; shares no code with the server.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clients.verifier.heads import Head, proof_parts, root_from, sha256
from clients.verifier.policy import Trust, trusted_head
from clients.verifier.receipt import NotVerified


@dataclass(frozen=True, slots=True)
class Chain:
    """What was found of a chain without a hole: which event is its first, and the leaves that are shown.

    `places` are those of the leaves among the chain's events here, `closed` counts events of which the hash
    alone is here, `details` those that show what they committed to.
    """

    head: Head
    first: int
    leaves: Sequence[Mapping[str, Any]]
    places: Sequence[int]
    closed: int
    details: int


def verified_events(
    subject: str, events: Sequence[Mapping[str, Any]], trust: Trust, most: int, *, about: str, closed: bool
) -> Chain:
    """The chain of the subject, an item or a case as `about` says; raises NotVerified for the first wrong.

    Every event is in a signed tree and follows the one before it. Earlier ones may be left out only where
    there are `most`. With `closed` an event may be there as its leaf's hash alone.
    """
    if not events:
        raise NotVerified("the document proves no event")
    heads: dict[str, Head] = {}
    leaves, places = list[Mapping[str, Any]](), list[int]()
    expected: int | None = None
    first: int | None = None
    before: str | None = None
    details = 0
    for place, one in enumerate(events):
        where = f"event {place + 1} of {len(events)}"
        number, path, note = proof_parts(one["proof"], where)
        if note not in heads:
            heads[note] = trusted_head(note, trust, earlier_too=True)
        head = heads[note]
        is_closed = closed and "hash" in one
        if is_closed and one.keys() != {"hash", "proof"}:
            raise NotVerified(f"{where} is closed, and says something all the same")
        leaf = b"" if is_closed else one["leaf"].encode()
        made = bytes.fromhex(one["hash"]) if is_closed else sha256(b"\x00", leaf)
        if root_from(made, number, head.size, path) != head.root:
            raise NotVerified(f"{where}: its leaf is not the one that is in the signed tree")
        if not is_closed:
            parsed = json.loads(leaf)
            links = [link for link in parsed["chains"] if link["subject"] == subject]
            if len(links) != 1:
                raise NotVerified(f"{where} is not about this {about}")
            seq, prev = links[0]["seq"], links[0]["prev"]
            if first is None:
                first = seq - place
                if first < 0 or (first and len(events) < most):
                    raise NotVerified(f"{where} is number {seq} of the {about}'s: earlier ones are left out")
                expected = seq
            if seq != expected or (place and prev != before):
                raise NotVerified(
                    f"{where} does not follow the one before it: something was left out between"
                )
            details += _shows_detail(one, parsed, where)
            leaves.append(parsed)
            places.append(place)
        expected = None if expected is None else expected + 1
        before = made.hex()
    if first is None:
        raise NotVerified("the document shows no event")
    head = next(iter(heads.values()))
    return Chain(head, first, leaves, places, len(events) - len(leaves), details)


def _shows_detail(one: Mapping[str, Any], leaf: Mapping[str, Any], where: str) -> bool:
    """Whether the event shows its detail; raises NotVerified for one that is not what it committed to."""
    if one["detail"] is None:
        return False
    if sha256(bytes.fromhex(one["salt"]), one["detail"].encode()).hex() != leaf["event"]["detail"]:
        raise NotVerified(f"{where}: its detail is not what the event committed to")
    return True
