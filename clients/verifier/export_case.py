"""The history of the case that an export is of, and that the export was asked for (export.md §5), offline.

Written from the pages of the formats; shares no code with the server.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from clients.verifier.bag import Bag
from clients.verifier.chains import Chain
from clients.verifier.heads import PinnedKey, Step, proof_parts, sha256
from clients.verifier.item_proof import verify_case_proof
from clients.verifier.receipt import NotVerified

#: Events that an export holds of an item or a case, the latest: only then may earlier ones be left out.
MOST_EVENTS = 20_000
PROOF = "custody/proofs/case.json"
_TITLE = "history of the case"


def named_items(said: Mapping[str, Any]) -> list[str]:
    """The items that an export names, sorted."""
    return sorted(one["item"] for one in [*said["items"], *said["disposed"]])


def asked_for(said: Mapping[str, Any], told: Sequence[Mapping[str, Any]]) -> set[str]:
    """The items named where this export is asked for, in these leaves.

    Raises NotVerified for another asker, time or version than the documents of the export say.
    """
    found = set[str]()
    for event in (one["event"] for one in told if is_asked(said, one)):
        if (event["agent"], event["time"]) != (said["asked_by"], said["asked_at"]):
            raise NotVerified("custody/export.json says otherwise than the log who asked for it, or when")
        version = event["digests"].get("format_sha256")
        if version is not None and version != sha256(said["v"].encode()).hex():
            raise NotVerified("custody/export.json is of another version than the log says was asked for")
        found.update(one["id"] for one in event["subjects"] if one["kind"] == "item")
    return found


def is_asked(said: Mapping[str, Any], leaf: Mapping[str, Any]) -> bool:
    """Whether the leaf says that this export was asked for."""
    event = leaf["event"]
    return event["type"] == "export.asked" and any(
        (one["kind"], one["id"]) == ("export", said["export"]) for one in event["subjects"]
    )


def case_steps(bag: Bag, said: Mapping[str, Any], note: str, key: PinnedKey) -> list[Step]:
    """What the case's own events prove, where a case is exported; raises NotVerified."""
    line = said.get("case_events")
    if said["matter"] != "case":
        if line is not None or PROOF in bag.digests:
            raise NotVerified("an export of one item holds the history of a case")
        return []
    if said["v"] == "custos/export/1":
        missing = "what happened to the case itself, and what was linked to it and withdrawn again"
        return [Step(_TITLE, "nothing: an export of version 1 does not hold it", missing)]
    document = json.loads(bag.read(PROOF))
    if document["case"] != said["subject"]:
        raise NotVerified(f"{PROOF} is of another case")
    if any(proof_parts(one["proof"], "the case")[2] != note for one in document["events"]):
        raise NotVerified(f"{PROOF} leads to another head than custody/checkpoint")
    try:
        chain, _ = verify_case_proof(document, key, MOST_EVENTS)
    except NotVerified as error:
        raise NotVerified(f"the case: {error}") from error
    counted = {
        "first": chain.first,
        "count": len(document["events"]),
        "shown": chain.details,
        "closed": chain.closed,
        "waiting": document["waiting"],
    }
    if line != counted:
        raise NotVerified("custody/export.json counts the events of the case otherwise than its proof")
    asked = asked_for(said, chain.leaves)
    if not asked:
        raise NotVerified("the history of the case ends before the export: events were left out")
    if sorted(asked) != named_items(said):
        raise NotVerified("custody/export.json has another list of items than the case was asked for with")
    return [_step(said, chain)]


def _step(said: Mapping[str, Any], chain: Chain) -> Step:
    linked, made, withdrawn = _linked(said, chain)
    named = set(named_items(said))
    if not chain.first and not named <= linked:
        raise NotVerified("the export has items that were not linked to the case when it was asked for")
    others = _others(said["subject"], chain)
    beyond = sorted(linked - named)
    proved = (
        f"{len(chain.leaves) + chain.closed} events of the case itself are in that tree, from "
        f"{'its opening' if not chain.first else f'number {chain.first}'} up to the export, without one left "
        f"out; of {made} links {withdrawn} were withdrawn"
    )
    if not (beyond or chain.closed or chain.first):
        proved += "; all that was linked to it then is in the export, or listed as disposed of"
    if others:
        proved += f"; it was joined with {', '.join(others)}, whose own histories are apart"
    open_ = [
        f"the {chain.first} events before the first one" if chain.first else "",
        f"what {chain.closed} events say that name something not open to whoever asked: items may have been "
        "linked by them" if chain.closed else "",
        f"{', '.join(beyond)}: linked to the case then, and not in the export" if beyond else "",
    ]  # fmt: skip
    return Step(_TITLE, proved, "; ".join(one for one in open_ if one))


def _linked(said: Mapping[str, Any], chain: Chain) -> tuple[set[str], int, int]:
    """What was linked when the export was asked for, as far as events are shown; links made and withdrawn."""
    live: dict[str, str] = {}
    made = withdrawn = 0
    linked = set[str]()
    for leaf in chain.leaves:
        event = leaf["event"]
        subjects = {one["kind"]: one["id"] for one in event["subjects"]}
        if event["type"] == "link.made":
            live[subjects["link"]] = subjects["item"]
            made += 1
        elif event["type"] == "link.withdrawn":
            live.pop(subjects["link"], None)
            withdrawn += 1
        elif is_asked(said, leaf):
            linked = set(live.values())
    return linked, made, withdrawn


def _others(case: str, chain: Chain) -> list[str]:
    """The cases that were joined with this one, one way or the other."""
    moved = (one["event"] for one in chain.leaves if one["event"]["type"] == "case.moved")
    named = {one["id"] for event in moved for one in event["subjects"] if one["kind"] == "case"}
    return sorted(named - {case})


def case_events(bag: Bag, said: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The events of the case as they are in the export; none where it holds no history of a case."""
    if said.get("case_events") is None:
        return []
    events: Sequence[Mapping[str, Any]] = json.loads(bag.read(PROOF))["events"]
    return events
