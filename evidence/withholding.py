"""What an export does not tell, listed so that it can be asked for and proven later. Pure.

An event whose detail is withheld is in the export all the same: its leaf commits to SHA-256(salt ‖ detail),
and the list names that digest. Whoever is given the detail one day can hold it against this.

A case's chain has events that name items and other cases. Who may not see one of those is not told which
event it is either: of such a leaf there is the hash alone, so that the chain has no hole.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import replace

from evidence.canonical import Json
from evidence.events import EventType
from evidence.exports import DISCLOSED, Profile, told_by
from evidence.items import Item
from evidence.leaf import leaf_hash
from evidence.proofs import CaseProof, ClosedEvent, ItemProof, Proof, ProvenEvent


def disclosed(proof: ItemProof, profile: Profile) -> tuple[ItemProof, list[Json]]:
    """The proof as the profile shows it, and what is not in it: each with its digest and why."""
    events, withheld = [], list[Json]()
    for one in proof.events:
        shown, lines = _disclosed(one, profile, "item", proof.item_id)
        events.append(shown)
        withheld += lines
    return replace(proof, events=events), withheld


def disclosed_case(proof: CaseProof, profile: Profile) -> tuple[CaseProof, list[Json]]:
    """The same of a case's own chain; what is closed in it is listed with its leaf's hash."""
    chain, withheld = list[ProvenEvent | ClosedEvent](), list[Json]()
    for one in proof.chain:
        if isinstance(one, ClosedEvent):
            chain.append(one)
            line = {"what": "event", "case": proof.case_id, "leaf": one.hash.hex(), "why": "not-open"}
            withheld.append(line)
            continue
        shown, lines = _disclosed(one, profile, "case", proof.case_id)
        chain.append(shown)
        withheld += lines
    return replace(proof, chain=chain), withheld


def _disclosed(
    one: ProvenEvent, profile: Profile, kind: str, subject: str
) -> tuple[ProvenEvent, Sequence[Json]]:
    event = json.loads(one.leaf)["event"]
    shown = told_by(EventType(event["type"])) in DISCLOSED[profile]
    if shown and one.detail is not None:
        return one, ()
    line: Json = {
        "what": "detail",
        kind: subject,
        "event": event["id"],
        "type": event["type"],
        "digest": event["detail"],
        "why": "not-kept" if one.detail is None else "profile",
    }
    return (one if shown else replace(one, salt=None, detail=None)), (line,)


def named_in(proof: CaseProof) -> tuple[set[str], set[str]]:
    """The items that the case's events name, and the other cases."""
    items, cases = set[str](), set[str]()
    for one in proof.events:
        of_leaf = _named(one)
        items |= of_leaf[0]
        cases |= of_leaf[1]
    return items, cases - {proof.case_id}


def closed_to(
    proof: CaseProof, items: Collection[str], cases: Collection[str], *, whole: bool = True
) -> CaseProof:
    """The chain as somebody is shown it who may see these items and these other cases, and no more.

    Unless they may see the case's history as a `whole`, only what is in the history of one of the items.
    """
    seen_items, seen_cases = frozenset(items), frozenset((*cases, proof.case_id))

    def closed(one: ProvenEvent | ClosedEvent) -> ProvenEvent | ClosedEvent:
        if isinstance(one, ClosedEvent):
            return one
        of_items, of_cases = _named(one)
        if of_items <= seen_items and of_cases <= seen_cases and (whole or of_items):
            return one
        return ClosedEvent(leaf_hash(one.leaf), one.proof)

    return replace(proof, chain=[closed(one) for one in proof.chain])


def _named(one: ProvenEvent) -> tuple[set[str], set[str]]:
    subjects = json.loads(one.leaf)["event"]["subjects"]
    items, cases = (
        {str(subject["id"]) for subject in subjects if subject["kind"] == kind} for kind in ("item", "case")
    )
    return items, cases


def withheld_original(item: Item) -> Json:
    """An original that is not sent along; its digest is in the leaf of its ingestion."""
    return {
        "what": "original",
        "item": item.id,
        "size": item.size,
        "sha256": item.sha256,
        "why": "not-asked-for",
    }


def agents_in(proofs: Collection[Proof]) -> list[str]:
    """The pseudonyms of whoever acted in these events, sorted."""
    events = (json.loads(one.leaf)["event"] for proof in proofs for one in proof.events)
    return sorted({str(event["agent"]) for event in events if event["agent"] is not None})


def missing_segments(items: Sequence[Item]) -> list[Json]:
    """Numbers that a device left out of one recording's segments that are here, by first and last.

    A number that is not here may be of a segment that is not part of the export.
    """
    numbered: dict[tuple[str, str], set[int]] = {}
    for item in items:
        said = item.submission
        if said.device and said.recording and said.segment is not None:
            numbered.setdefault((said.device, said.recording), set()).add(said.segment)
    return [
        {"device": device, "recording": recording, "segments": holes}
        for (device, recording), found in sorted(numbered.items())
        if (holes := _holes(found))
    ]


def _holes(numbers: Collection[int]) -> list[Json]:
    """First and last of each run of numbers that are not there, from 1 (or the first one, if smaller) on."""
    holes = list[Json]()
    expected = min(1, *numbers)
    for number in sorted(numbers):
        # A device that counts from 0 has left nothing out, and neither has one that counts from 1.
        if number > expected:
            holes.append([expected, number - 1])
        expected = number + 1
    return holes
