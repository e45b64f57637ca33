"""Checking what is proven of one item or case (docs/formats/log.md §5, export.md §5), offline.

Written from the pages of the formats; shares no code with the server.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clients.verifier.chains import Chain, verified_events
from clients.verifier.heads import Step
from clients.verifier.policy import Trust, head_step
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
        found = verified_events(str(item), events, trust, most, about="item", closed=False)
        return _steps(found, len(events), int(waiting), trust, "item")
    except (KeyError, TypeError, ValueError) as error:
        raise NotVerified("the document is not an item proof of version 1") from error


def verify_case_proof(document: Mapping[str, Any], trust: Trust, most: int) -> tuple[Chain, list[Step]]:
    """The same of a case's own history: its chain, and what that proves. Raises NotVerified."""
    try:
        case, events, waiting = document["case"], document["events"], document["waiting"]
        if document["v"] != "custos/case-proof/1":
            raise NotVerified("the document is not a case proof of version 1")
        found = verified_events(str(case), events, trust, most, about="case", closed=True)
        return found, _steps(found, len(events), int(waiting), trust, "case")
    except (KeyError, TypeError, ValueError) as error:
        raise NotVerified("the document is not a case proof of version 1") from error


def _steps(found: Chain, count: int, waiting: int, trust: Trust, about: str) -> list[Step]:
    shown = len(found.leaves)
    return [
        head_step(found.head, trust),
        Step("inclusion", f"{count} events are in that tree, each byte as shown"),
        Step(
            f"chain of the {about}",
            "they follow each other without one left out",
            (f"the {found.first} events before the first one, and " if found.first else "")
            + "events after the last one"
            + (f": {waiting} were not in the log yet" if waiting else "")
            + (f"; what {found.closed} events say, of which the hash alone is here" if found.closed else ""),
        ),
        Step("detail", f"{found.details} of {shown} show their detail, and it is what was committed to"),
    ]
