"""Checking a disposal certificate offline (docs/formats/disposal-certificate.md §4): what it proves.

Written from the page of the format; shares no code with the server.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from clients.verifier.heads import Step
from clients.verifier.receipt import NotVerified, verify_signed
from clients.verifier.stamps import token_time, unlisted
from clients.verifier.tokens import TimeTrust, Token

VERSION = "custos/disposal-certificate/1"
_TIME_VERSION = "custos/disposal-time/1"
_APPROVERS = 2


@dataclass(frozen=True, slots=True)
class Disposal:
    """What a certificate states, all of it checked, and by which steps."""

    statement: dict[str, Any]
    steps: tuple[Step, ...]


def verify_disposal(certificate: str, public_pem: bytes, trust: TimeTrust) -> Disposal:
    """Check a certificate with the installation's public key, below the time authorities' roots.

    Raises NotVerified for whatever is not proven, also where no root is given: a disposal is one by trusted
    time. Asks nobody; `trust.lists` say whether an authority's certificate had been revoked.
    """
    statement = verify_signed(certificate, public_pem, VERSION)
    try:
        decision = _decided(statement)
        tokens = _times(statement, trust)
        gone = _gone(statement, {one: token.at for one, token in tokens.items()})
    except (KeyError, TypeError, AttributeError, binascii.Error, ValueError) as error:
        raise NotVerified("it lacks what its version has to have") from error
    signed = f"the installation's key signed the certificate of disposal {statement['proposal']}"
    return Disposal(statement, (Step("signature", signed), decision, _told(list(tokens.values())), gone))


def _decided(statement: dict[str, Any]) -> Step:
    approvers = {str(one["agent"]) for one in statement["approvals"]}
    if len(approvers) < _APPROVERS or statement["proposed_by"] in approvers:
        raise NotVerified("fewer than two people other than its proposer approved it")
    return Step(
        "decision",
        f"{len(approvers)} people approved what another one had proposed",
        "who they are, and that they are not one: the installation says so of its accounts",
    )


def _named(statement: dict[str, Any]) -> list[str]:
    named = [str(one["id"]) for one in (*statement["items"], *statement["spared"])]
    if not named or len(set(named)) < len(named):
        raise NotVerified("it does not name each item once")
    return named


def signed_text(proposal: str, items: Iterable[str]) -> bytes:
    """What an authority signs the time of (§3): canonical JSON, of identifiers, which are ASCII."""
    said = {"v": _TIME_VERSION, "proposal": proposal, "items": sorted(items)}
    return json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _times(statement: dict[str, Any], trust: TimeTrust) -> dict[str, Token]:
    signed = signed_text(str(statement["proposal"]), _named(statement))
    if not trust.roots:
        raise NotVerified("its times cannot be proven: no root certificate of a time authority was given")
    found = {}
    for one in statement["trusted_times"]:
        token = base64.b64decode(one["token"], validate=True)
        found[str(one["id"])] = made = token_time(token, signed, trust, f"the token of {one['authority']}")
        if made.at != _instant(one["at"]):
            raise NotVerified("a time in it is not the one that its token states")
    return found


def _gone(statement: dict[str, Any], times: dict[str, datetime]) -> Step:
    items = statement["items"]
    for one in items:
        if times.get(one["trusted_time"]) != _instant(one["disposed_at"]) or not one["keys"]:
            raise NotVerified(f"item {one['id']} did not go by a trusted time that stands in it")
    if statement["checked"]["found"] != 0:
        raise NotVerified("something was left")
    keys, copies = (sum(len(one[name]) for one in items) for name in ("keys", "copies"))
    proved = (
        f"{len(items)} items went by these times, {keys} keys were removed, and nothing was found of them"
    )
    if spared := len(statement["spared"]):
        proved += f"; {spared} were spared"
    known = f"; it names {copies} that had left before" if copies else ""
    return Step("disposal", proved, f"that no other copy exists{known}")


def _told(tokens: Sequence[Token]) -> Step:
    if not tokens:
        return Step("times", "nothing, as nothing went")
    first, last = (f"{at:%Y-%m-%d %H:%M:%S} UTC" for at in (min(_ats(tokens)), max(_ats(tokens))))
    when = first if first == last else f"{first} to {last}"
    told = f"{len(tokens)} tokens of time authorities state {when}"
    return Step("times", told, "; ".join(unlisted(tokens)))


def _ats(tokens: Sequence[Token]) -> list[datetime]:
    return [one.at for one in tokens]


def _instant(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("an instant has a zone")
    return found.astimezone(UTC)
