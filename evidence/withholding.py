"""What an export does not tell, listed so that it can be asked for and proven later. Pure.

An event whose detail is withheld is in the export all the same: its leaf commits to SHA-256(salt ‖ detail),
and the list names that digest. Whoever is given the detail one day can hold it against this.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import replace

from evidence.canonical import Json
from evidence.events import EventType
from evidence.exports import DISCLOSED, Profile, told_by
from evidence.items import Item
from evidence.proofs import ItemProof


def disclosed(proof: ItemProof, profile: Profile) -> tuple[ItemProof, list[Json]]:
    """The proof as the profile shows it, and what is not in it: each with its digest and why."""
    allowed = DISCLOSED[profile]
    events, withheld = [], list[Json]()
    for one in proof.events:
        event = json.loads(one.leaf)["event"]
        shown = told_by(EventType(event["type"])) in allowed
        events.append(one if shown else replace(one, salt=None, detail=None))
        if not shown or one.detail is None:
            withheld.append(
                {
                    "what": "detail",
                    "item": proof.item_id,
                    "event": event["id"],
                    "type": event["type"],
                    "digest": event["detail"],
                    "why": "not-kept" if one.detail is None else "profile",
                }
            )
    return replace(proof, events=events), withheld


def withheld_original(item: Item) -> Json:
    """An original that is not sent along; its digest is in the leaf of its ingestion."""
    return {
        "what": "original",
        "item": item.id,
        "size": item.size,
        "sha256": item.sha256,
        "why": "not-asked-for",
    }


def agents_in(proofs: Collection[ItemProof]) -> list[str]:
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
