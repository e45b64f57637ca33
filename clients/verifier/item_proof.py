"""Checking what is proven of one item, `custos/item-proof/1` (docs/formats/log.md §5), offline.

Written from the pages of the formats; shares no code with the server.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from clients.verifier.heads import Head, Step, proof_parts, root_from, sha256
from clients.verifier.policy import Trust, head_step, trusted_head
from clients.verifier.receipt import NotVerified

#: Events that a document holds at most, the latest: only then may earlier ones be left out.
MOST = 1_000


def verify_item_proof(document: Mapping[str, Any], trust: Trust, most: int = MOST) -> list[Step]:
    """What the document proves of its item, step by step; raises NotVerified with the first that is wrong.

    Earlier events may be left out of a document that holds `most`, the latest.
    """
    try:
        item, events, waiting = document["item"], document["events"], document["waiting"]
        if document["v"] != "custos/item-proof/1":
            raise NotVerified("the document is not an item proof of version 1")
        return _steps(str(item), events, int(waiting), trust, most)
    except (KeyError, TypeError, ValueError) as error:
        raise NotVerified("the document is not an item proof of version 1") from error


def _steps(item: str, events: list[dict[str, Any]], waiting: int, trust: Trust, most: int) -> list[Step]:
    if not events:
        raise NotVerified("the document proves no event")
    heads: dict[str, Head] = {}
    expected: int | None = None
    left_out = 0
    before: str | None = None
    details = 0
    for place, one in enumerate(events, 1):
        where = f"event {place} of {len(events)}"
        leaf = one["leaf"].encode()
        number, path, note = proof_parts(one["proof"], where)
        if note not in heads:
            heads[note] = trusted_head(note, trust, earlier_too=True)
        head = heads[note]
        made = sha256(b"\x00", leaf)
        if root_from(made, number, head.size, path) != head.root:
            raise NotVerified(f"{where}: its leaf is not the one that is in the signed tree")
        parsed = json.loads(leaf)
        links = [link for link in parsed["chains"] if link["subject"] == item]
        if len(links) != 1:
            raise NotVerified(f"{where} is not about this item")
        if expected is None and links[0]["seq"] and len(events) < most:
            raise NotVerified(f"{where} is number {links[0]['seq']} of the item's: earlier ones are left out")
        if expected is not None and (links[0]["seq"], links[0]["prev"]) != (expected, before):
            raise NotVerified(f"{where} does not follow the one before it: something was left out between")
        if expected is None:
            left_out = int(links[0]["seq"])
        expected, before = links[0]["seq"] + 1, made.hex()
        if one["detail"] is not None:
            digest = sha256(bytes.fromhex(one["salt"]), one["detail"].encode()).hex()
            if digest != parsed["event"]["detail"]:
                raise NotVerified(f"{where}: its detail is not what the event committed to")
            details += 1
    head = next(iter(heads.values()))
    return [
        head_step(head, trust),
        Step("inclusion", f"{len(events)} events are in that tree, each byte as shown"),
        Step(
            "chain of the item",
            "they follow each other without one left out",
            (f"the {left_out} events before the first one, and " if left_out else "")
            + "events after the last one"
            + (f": {waiting} were not in the log yet" if waiting else ""),
        ),
        Step("detail", f"{details} of {len(events)} show their detail, and it is what was committed to"),
    ]
