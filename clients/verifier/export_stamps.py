"""The times of an export (docs/formats/export.md §7): its seal's, and those of the history in it.

Written from the pages of the formats; shares no code with the server.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from clients.verifier.bag import Bag
from clients.verifier.consistency import verify_beginning
from clients.verifier.heads import Head, PinnedKey, Step, verified_head
from clients.verifier.receipt import NotVerified
from clients.verifier.revocation import Lists
from clients.verifier.self_asserted import (
    asserted_time,
    own_stamps_step,
    own_time_told,
    require_third_party,
)
from clients.verifier.stamps import token_time, unlisted
from clients.verifier.tokens import TimeTrust, Token

#: Certificates of the embedded authority of whoever made the export.
_OWN = "custody/self-asserted/authority.pem"
_CALLED = {"crl": "revocation list", "ocsp": "OCSP answer"}


def seal_time(bag: Bag, seal: Mapping[str, Any], trust: TimeTrust) -> tuple[datetime | None, str]:
    """When a time authority signed the seal, and what is not known of its time."""
    signed, own = seal["statement"].encode(), seal.get("self_asserted")
    if seal["token"] is not None:
        token = base64.b64decode(seal["token"])
        require_third_party(token, "the seal's token")
        if not trust.roots:
            return None, "its token: name a time authority's root with --root"
        found = token_time(token, signed, trust, "the seal", seal.get("policy"))
        return found.at, "; ".join(unlisted([found]))
    if own is None:
        return None, "its time: no authority stamped it"
    token = base64.b64decode(own)
    return None, own_time_told(
        [asserted_time(token, signed, bag.read(_OWN), "the seal's self-asserted token")]
    )


def _stamped(bag: Bag, below: str, head: Head, key: PinnedKey) -> dict[str, bytes]:
    """Every stamped checkpoint below that directory by its name, a beginning of the head's tree."""
    names = [name for name in bag.below(f"custody/{below}/") if name.endswith(".checkpoint")]
    found = {}
    for name in (one.removesuffix(".checkpoint") for one in names):
        checkpoint = bag.read(f"{name}.checkpoint")
        stamped = verified_head(checkpoint.decode("utf-8", "replace"), key, earlier_too=True)
        told = json.loads(bag.read(f"{name}.json"))
        if (told["old"], told["new"]) != (stamped.size, head.size):
            raise NotVerified(f"{name}.json is of other trees")
        path = [bytes.fromhex(one) for one in told["consistency"]]
        verify_beginning(stamped, head, path, f"{name}.checkpoint")
        found[name] = checkpoint
    return found


def own_stamps_steps(bag: Bag, head: Head, key: PinnedKey) -> list[Step]:
    """Checkpoints that the embedded authority stamped, where there are any; raises NotVerified."""
    found = _stamped(bag, "self-asserted", head, key)
    times = [
        asserted_time(bag.read(f"{name}.tsr"), checkpoint, bag.read(_OWN), f"{name}.tsr")
        for name, checkpoint in found.items()
    ]
    return [own_stamps_step(len(found), times)] if found else []


def stamps_step(bag: Bag, head: Head, key: PinnedKey, trust: TimeTrust) -> Step:
    """Checkpoints that time authorities stamped; raises NotVerified."""
    names = _stamped(bag, "stamps", head, key)
    if not names:
        return Step("stamps", "nothing, as there are none", "at what time the history stood")
    times: list[Token] = []
    for name, checkpoint in names.items():
        token = bag.read(f"{name}.tsr")
        require_third_party(token, f"{name}.tsr")
        stated = json.loads(bag.read(f"{name}.json")).get("policy")
        if trust.roots:
            times.append(token_time(token, checkpoint, trust, f"{name}.tsr", stated))
    proved = f"the trees of {len(names)} stamped checkpoints are beginnings of this one"
    if not trust.roots:
        return Step("stamps", proved, "the tokens: name a time authority's root with --root")
    first, last = (
        f"{at:%Y-%m-%d %H:%M:%S} UTC" for at in (min(one.at for one in times), max(one.at for one in times))
    )
    return Step(
        "stamps",
        f"{proved}, and stood at the times of their tokens, {first} to {last}",
        "; ".join(unlisted(times)),
    )


def lists_of(bag: Bag, seal: Mapping[str, Any] | None) -> Lists:
    """Every revocation list and answer in the export and in its seal."""
    found: dict[str, list[tuple[str, bytes]]] = {"crl": [], "ocsp": []}
    for kind, those in found.items():
        names = [name for name in bag.below("custody/stamps/") if name.endswith(f".{kind}")]
        those += [(name, bag.read(name)) for name in names]
    for number, one in enumerate([] if seal is None else seal.get("revocation", []), 1):
        if one["kind"] in found:
            name = f"{_CALLED[one['kind']]} {number} of the seal"
            found[one["kind"]].append((name, base64.b64decode(one["data"])))
    return Lists(tuple(found["crl"]), tuple(found["ocsp"]))
