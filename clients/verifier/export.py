"""Checking an export offline, step by step (docs/formats/export.md §7).

Written from the pages of the formats; shares no code with the server.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from clients.verifier.bag import Bag, opened, verified_bag
from clients.verifier.export_case import MOST_EVENTS, asked_for, case_events, case_steps, named_items
from clients.verifier.export_stamps import lists_of, own_stamps_steps, seal_time, stamps_step
from clients.verifier.heads import PinnedKey, Step, proof_parts, root_from, sha256, verified_head
from clients.verifier.item_proof import verify_item_proof
from clients.verifier.keys import led, signer_among, verified_chain
from clients.verifier.policy import Trust, head_step, time_trust, trusted_head
from clients.verifier.receipt import NotVerified, verify_signed, verify_statement
from clients.verifier.revocation import NO_LISTS, Lists
from clients.verifier.tokens import TimeTrust

#: The members of each version that is known.
_MEMBERS = {
    "v", "export", "matter", "subject", "profile", "asked_by", "asked_at", "event", "made_at", "time_source",
    "log", "items", "counts", "withheld", "disposed", "missing_segments",
}  # fmt: skip
_EXPORT_MEMBERS = {"custos/export/1": _MEMBERS, "custos/export/2": _MEMBERS | {"case_events"}}
_LEAF = (b',"event":', b',"v":"custos/leaf/1"}')


def verify_export(
    path: Path,
    trust: Trust,
    seal: Mapping[str, Any] | None = None,
    roots: Sequence[bytes] = (),
    progress: Callable[[int, int], None] = lambda _done, _of: None,
    time_policies: Collection[str] = (),
    lists: Lists = NO_LISTS,
) -> list[Step]:
    """What the export at `path` (a ZIP, or unpacked) proves; raises NotVerified with the first thing wrong.

    `trust` is the log's key, or a policy whose quorum of witnesses has to have cosigned the export's head;
    `seal` is what was kept beside it, `roots` are certificates (PEM) of the time authorities that are
    trusted, under one of `time_policies` where any are named, here or in the policy;
    `lists` are revocation lists besides those in the export. Raises OSError.
    """
    with opened(path) as source:
        bag = verified_bag(source, progress)
        try:
            return _steps(bag, trust, seal, time_trust(trust, roots, time_policies, lists))
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise NotVerified("a document of the export is not of the form that its version has") from error


def _steps(bag: Bag, trust: Trust, seal: Mapping[str, Any] | None, times: TimeTrust) -> list[Step]:
    steps = list(bag.steps)
    note = (
        bag.read("custody/checkpoint").decode("utf-8", "replace")
        if "custody/checkpoint" in bag.digests
        else ""
    )
    trust = led(trust, verified_chain(json.loads(bag.read("custody/log-keys.json"))))
    key = trust if isinstance(trust, PinnedKey) else trust.log_of(note)
    said = json.loads(bag.read("custody/export.json"))
    if said.keys() != _EXPORT_MEMBERS.get(said.get("v")):
        raise NotVerified("custody/export.json is not of version 1 or 2")
    times = replace(times, lists=times.lists.with_more(lists_of(bag, seal)))
    steps.append(_seal(bag, said, key, seal, times))
    head = trusted_head(note, trust, earlier_too=True)
    if (head.origin, head.size) != (said["log"]["origin"], said["log"]["size"]):
        raise NotVerified("custody/checkpoint is not the head of which custody/export.json speaks")
    steps.append(head_step(head, trust))
    steps += _items(bag, said, note, key)
    steps += case_steps(bag, said, note, key)
    steps.append(_withheld(bag, said))
    steps.append(stamps_step(bag, head, key, times))
    steps += own_stamps_steps(bag, head, key)
    steps.append(_complete(said))
    return steps


def _seal(
    bag: Bag, said: Mapping[str, Any], key: PinnedKey, seal: Mapping[str, Any] | None, times: TimeTrust
) -> Step:
    if seal is None:
        return Step("seal", "nothing: none was given", "whether the export is the one that was made")
    if seal["v"] != "custos/export-seal-file/1":
        raise NotVerified("the seal is not of version 1")
    signer = signer_among(seal["statement"], key)
    statement = verify_signed(seal["statement"], signer.pem, "custos/export-seal/1")
    digest = bag.digests["tagmanifest-sha256.txt"]
    if statement["tagmanifest_sha256"] != digest:
        raise NotVerified("the seal is over another export, or tagmanifest-sha256.txt was changed")
    for member in ("export", "matter", "subject", "profile", "made_at"):
        if statement[member] != said[member]:
            raise NotVerified(f"the seal names another {member} than custody/export.json")
    if sorted(statement["items"]) != named_items(said):
        raise NotVerified("the seal names other items than custody/export.json")
    proved, missing = [f"it was made by {key.name} at {said['made_at']}, as it is here"], []
    if seal["leaf"] is None:
        missing.append("whether it is in the log: ask for the seal again")
    else:
        _made_in_log(seal, digest, key)
        proved.append("and that is in its log")
    at, open_ = seal_time(bag, seal, times)
    if at is not None:
        proved.append(f"stamped {at:%Y-%m-%d %H:%M:%S} UTC")
    if open_:
        missing.append(open_)
    return Step("seal", ", ".join(proved), "; ".join(missing))


def _made_in_log(seal: Mapping[str, Any], digest: str, key: PinnedKey) -> None:
    leaf = seal["leaf"].encode()
    event = json.loads(leaf)["event"]
    if event["type"] != "export.made" or event["digests"].get("sha256") != digest:
        raise NotVerified("the seal's leaf is not of this export")
    number, path, note = proof_parts(seal["proof"], "the seal")
    head = verified_head(note, key, earlier_too=True)
    if root_from(sha256(b"\x00", leaf), number, head.size, path) != head.root:
        raise NotVerified("the seal's leaf is not in the signed tree")


def _items(bag: Bag, said: Mapping[str, Any], note: str, key: PinnedKey) -> list[Step]:
    events = receipts = early = originals = copies = 0
    asked, late = set[str](), list[str]()
    by_item = _receipts(bag, key)
    for line in said["items"]:
        item = line["item"]
        document = json.loads(bag.read(f"custody/proofs/{item}.json"))
        if document["item"] != item:
            raise NotVerified(f"custody/proofs/{item}.json is of another item")
        if any(proof_parts(one["proof"], item)[2] != note for one in document["events"]):
            raise NotVerified(f"custody/proofs/{item}.json leads to another head than custody/checkpoint")
        try:
            verify_item_proof(document, key, most=MOST_EVENTS)
        except NotVerified as error:
            raise NotVerified(f"item {item}: {error}") from error
        told = [json.loads(one["leaf"]) for one in document["events"]]
        _chain(said, line, document, told)
        asked |= asked_for(said, told)
        _contents(bag, line, told)
        if line["events"]["first"]:
            late.append(item)
        else:
            originals += line["original"] is not None
            copies += len(line["renditions"])
        _manifest(bag, item, document)
        mine = by_item.pop(item, [])
        early += _early(line, mine, document)
        receipts += len(mine)
        events += len(told)
    for name, _ in (one for named in by_item.values() for one in named):
        raise NotVerified(f"{name} is about an item that is not in this export")
    if sorted(asked) != named_items(said):
        raise NotVerified("custody/export.json has another list of items than was asked for")
    begun = f"; of {', '.join(late)} the events before the latest {MOST_EVENTS:,}" if late else ""
    unproven = f"; the files of {', '.join(late)}: how they came in is not here" if late else ""
    return [
        Step(
            "history",
            f"{events} events of {len(said['items'])} items are in that tree, each byte as shown; each "
            f"item's follow each other without one left out, up to the export itself ({said['asked_at']})",
            f"what happened after the export was asked for{begun}",
        ),
        Step(
            "originals and copies",
            f"{originals} originals are the files that were ingested, {copies} copies are "
            "those that were made of them, by the digests in the log",
            f"whether a copy shows what its original shows: that is the server's word{unproven}",
        ),
        Step(
            "receipts",
            f"{receipts} receipts are signed by the same key, and about these items",
            f"{early} of them: the events that they name are before those that are here" if early else "",
        ),
    ]


def _chain(
    said: Mapping[str, Any], line: Mapping[str, Any], document: Mapping[str, Any], told: list[Any]
) -> None:
    item, count = line["item"], line["events"]
    first = next(one["seq"] for one in told[0]["chains"] if one["subject"] == item)
    shown = sum(one["detail"] is not None for one in document["events"])
    if (count["first"], count["count"], count["shown"], count["waiting"]) != (
        first, len(told), shown, document["waiting"],
    ):  # fmt: skip
        raise NotVerified(f"custody/export.json counts the events of {item} otherwise than its proof")
    if not asked_for(said, told):
        raise NotVerified(f"the history of {item} ends before the export: events were left out")


def _contents(bag: Bag, line: Mapping[str, Any], told: list[Any]) -> None:
    """Files against the digests in the log's own events."""
    ingested = {one["event"]["digests"]["sha256"] for one in told if one["event"]["type"] == "item.ingested"}
    made = {one["event"]["digests"].get("sha256") for one in told if one["event"]["type"] == "rendition.made"}
    if line["events"]["first"] == 0 and ingested != {line["sha256"]}:
        raise NotVerified(f"{line['item']} was ingested with another digest than custody/export.json names")
    if line["original"] is not None and bag.digests.get(line["original"]) != line["sha256"]:
        raise NotVerified(f"{line['original']} is not the file that was ingested")
    for path in line["renditions"]:
        if path not in bag.digests:
            raise NotVerified(f"{path} is missing")
        if line["events"]["first"] == 0 and bag.digests[path] not in made:
            raise NotVerified(f"{path} is not a copy of which the log says that it was made")


def _manifest(bag: Bag, item: str, document: Mapping[str, Any]) -> None:
    manifest = json.loads(bag.read(f"custody/manifests/{item}.json"))
    event = base64.b64decode(manifest["event"])
    if manifest["item"] != item:
        raise NotVerified(f"custody/manifests/{item}.json is of another item")
    leaves = [one["leaf"].encode() for one in document["events"]]
    first = next(one["seq"] for one in json.loads(leaves[0])["chains"] if one["subject"] == item)
    if first == 0 and not any(_event_of(leaf) == event for leaf in leaves):
        raise NotVerified(f"custody/manifests/{item}.json holds an event that is not in the item's history")


def _receipts(bag: Bag, key: PinnedKey) -> dict[str, list[tuple[str, Mapping[str, Any]]]]:
    """By item, each receipt's name and what it states, once its signature holds."""
    found: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    for name in bag.below("custody/receipts/"):
        receipt = bag.read(name).decode("utf-8", "replace")
        try:
            statement = verify_statement(receipt, signer_among(receipt, key).pem)
        except NotVerified as error:
            raise NotVerified(f"{name}: {error}") from error
        found.setdefault(statement["item"], []).append((name, statement))
    return found


def _early(
    line: Mapping[str, Any],
    receipts: Sequence[tuple[str, Mapping[str, Any]]],
    document: Mapping[str, Any],
) -> int:
    """How many are of events before those that are here; raises NotVerified for one of another item."""
    item, early = line["item"], 0
    digests = {sha256(_event_of(one["leaf"].encode())).hex() for one in document["events"] if receipts}
    for name, statement in receipts:
        if statement["digests"]["sha256"] != line["sha256"]:
            raise NotVerified(f"{name} is for other bytes than those of {item}")
        if statement["event_digest"] not in digests:
            if line["events"]["first"] == 0:
                raise NotVerified(f"{name} names an event that is not in the history of {item}")
            early += 1
    return early


def _event_of(leaf: bytes) -> bytes:
    _, found, rest = leaf.partition(_LEAF[0])
    if not found or not rest.endswith(_LEAF[1]):
        raise NotVerified("a leaf is not one of version 1")
    return rest.removesuffix(_LEAF[1])


def _withheld(bag: Bag, said: Mapping[str, Any]) -> Step:
    lines = json.loads(bag.read("custody/withheld.json"))["withheld"]
    if len(lines) != said["withheld"]:
        raise NotVerified("custody/withheld.json has another length than custody/export.json says")
    listed = {(_subject(one), one["event"]): one for one in lines if one["what"] == "detail"}
    hidden = set()
    for subject, event in _without_detail(bag, said):
        told = listed.get((subject, event["id"]))
        if told is None or (told["digest"], told["type"]) != (event["detail"], event["type"]):
            raise NotVerified(f"the detail of event {event['id']} is neither shown nor listed as withheld")
        hidden.add((subject, event["id"]))
    if hidden != set(listed):
        raise NotVerified("custody/withheld.json lists details that are shown, or that no event has")
    closed = sorted(one["hash"] for one in case_events(bag, said) if "hash" in one)
    if closed != sorted(one["leaf"] for one in lines if one["what"] == "event"):
        raise NotVerified("custody/withheld.json lists other events of the case than those that are closed")
    originals = {one["item"]: one for one in lines if one["what"] == "original"}
    for line in said["items"]:
        told = originals.get(line["item"])
        if (line["original"] is None) != (told is not None):
            raise NotVerified(f"whether the original of {line['item']} is here, the documents say both")
        if told is not None and told["sha256"] != line["sha256"]:
            raise NotVerified(f"the original of {line['item']} is listed as withheld under another digest")
    return Step(
        "what is withheld",
        f"{len(listed)} details and {len(originals)} originals are not shown (profile {said['profile']}); "
        "each is listed with the digest by which it can be proven one day"
        + (f"; and {len(closed)} events of the case, each by its leaf's hash" if closed else ""),
    )


def _without_detail(bag: Bag, said: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each event that shows no detail, and whose chain it stands in; a document at a time."""
    for line in said["items"]:
        for one in json.loads(bag.read(f"custody/proofs/{line['item']}.json"))["events"]:
            if one["detail"] is None:
                yield line["item"], json.loads(one["leaf"])["event"]
    for one in case_events(bag, said):
        if "leaf" in one and one["detail"] is None:
            yield said["subject"], json.loads(one["leaf"])["event"]


def _subject(line: Mapping[str, Any]) -> str:
    found: str = line["item"] if "item" in line else line["case"]
    return found


def _complete(said: Mapping[str, Any]) -> Step:
    counts, waiting = said["counts"], sum(line["events"]["waiting"] for line in said["items"])
    # What was linked to it follows from its own events, and is said there.
    proven = said.get("case_events") is not None
    missing = [item["item"] for item in said["disposed"]]
    shown = sum(line["original"] is not None for line in said["items"])
    listed = {
        "held": len(said["items"]) + len(missing),
        "shown": shown,
        "withheld": len(said["items"]) - shown,
        "missing": len(missing),
    }
    if counts != listed:
        raise NotVerified("custody/export.json counts its items otherwise than it lists them")
    gaps = sum(len(one["segments"]) for one in said["missing_segments"])
    return Step(
        "completeness",
        f"of {counts['held']} items {counts['shown']} originals are here, {counts['withheld']} withheld, "
        f"{counts['missing']} disposed of",
        "; ".join(
            text
            for text, there in (
                ("that nothing else was linked to the case", said["matter"] == "case" and not proven),
                (f"{gaps} runs of segment numbers that no segment here has", gaps),
                (f"{waiting} events that were not in the log yet", waiting),
            )
            if there
        ),
    )
