"""Checking that a receipt's event is in the custody log (docs/formats/receipt.md §5), offline.

Written from the pages of the formats; shares no code with the server.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from clients.verifier.heads import Head, proof_parts, root_from, sha256
from clients.verifier.policy import Trust, trusted_head
from clients.verifier.receipt import NotVerified

_EVENT = b',"event":'
_END = b',"v":"custos/leaf/1"}'


def verify_receipt_proof(statement: Mapping[str, Any], document: Mapping[str, Any], trust: Trust) -> Head:
    """The trusted tree in which the event of the receipt's `statement` is; raises NotVerified."""
    try:
        if document["v"] != "custos/receipt-proof/1":
            raise NotVerified("the document is not a receipt's proof of version 1")
        leaf, proof = document["leaf"].encode(), str(document["proof"])
    except (KeyError, TypeError, AttributeError, UnicodeEncodeError) as error:
        raise NotVerified("the document is not a receipt's proof of version 1") from error
    # The event's own bytes stand in the leaf as they are: its digest is the one that the receipt names.
    _, found, rest = leaf.partition(_EVENT)
    if not found or not rest.endswith(_END):
        raise NotVerified("the leaf is not one of version 1")
    if hashlib.sha256(rest.removesuffix(_END)).hexdigest() != statement["event_digest"]:
        raise NotVerified("the leaf is not that of the event which the receipt names")
    number, path, note = proof_parts(proof, "the proof")
    head = trusted_head(note, trust, earlier_too=True)
    if root_from(sha256(b"\x00", leaf), number, head.size, path) != head.root:
        raise NotVerified("the receipt's event is not in the signed tree")
    return head
